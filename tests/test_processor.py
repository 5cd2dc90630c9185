"""What /proc/cpuinfo tells of the processor."""

import pytest

from chinchilla.engines import cpu as processor


@pytest.mark.parametrize(
    ("told", "flags"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx512f\nflags\t\t: fpu\n", {"fpu", "avx512f"}),
        ("processor\t: 0\nFeatures\t: fp asimd bf16\n", {"fp", "asimd", "bf16"}),
        (None, None),
    ],
)
def test_flags_are_those_of_the_first_core(monkeypatch, tmp_path, told, flags):
    path = tmp_path / "cpuinfo"
    if told:
        path.write_text(told, encoding="utf-8")
    monkeypatch.setattr(processor, "_CPU_INFO", path)
    assert processor.processor_flags() == flags
