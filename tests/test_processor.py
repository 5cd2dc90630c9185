"""What /proc/cpuinfo tells of the processor."""

import pytest

from chinchilla.engines import cpu as processor
from chinchilla.engines.cpu import processor_flags, processor_has_bfloat16


@pytest.mark.parametrize(
    ("told", "has"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx512f avx512_vnni\n", False),
        ("processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16\n", True),
        ("processor\t: 0\nFeatures\t: fp asimd\n", False),
        ("processor\t: 0\nFeatures\t: fp asimd bf16\n", True),
        (None, True),
    ],
)
def test_bfloat16_is_used_where_it_is_not_emulated(monkeypatch, tmp_path, told, has):
    path = tmp_path / "cpuinfo"
    if told:
        path.write_text(told, encoding="utf-8")
    monkeypatch.setattr(processor, "_CPU_INFO", path)
    assert processor_has_bfloat16() is has
    assert (processor_flags() is None) is (told is None)
