"""Encodings are recognised, and any encoding is read as UTF-8."""

import io

import pytest

from chinchilla.errors import InputError
from chinchilla.files.encodings import as_utf8, check_encoding, likely_encoding, recognise

TEXTS = {
    "gb18030": ["记者从广州报道。", "雀巢裁员", "中文", "雀巢\t咖啡\tunknown\t雀巢卖咖啡\n" * 60],
    "big5": ["張忠謀在臺北", "台積電董事長昨日宣布，公司將於下月擴建新廠。\n"],
    "cp949": ["오늘은 날씨가 좋습니다. 서울에서 회의가 열렸다."],
    "cp932": ["今日は東京で会議がありました。田中さんが来た。"],
    "utf-8": ["雀巢裁员", "plain", "", "é"],
    "utf-16-le": ["雀巢裁员\r\n在北京。\r\n"],
    "utf-16-be": ['{"text": "雀巢裁员"}\n'],
}


@pytest.mark.parametrize(("encoding", "text"), [(e, t) for e, ts in TEXTS.items() for t in ts])
def test_the_encoding_of_a_text_is_recognised(encoding, text):
    assert recognise(text.encode(encoding)) == encoding


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_obeyed(encoding):
    content = "雀巢".encode(encoding)
    assert as_utf8(io.BytesIO(content), "auto").read().decode() == "雀巢"
    assert as_utf8(io.BytesIO(content), encoding).read().decode() == "雀巢"


def test_a_sample_cut_inside_a_character_is_recognised():
    assert recognise("雀巢裁员".encode()[:-1]) == "utf-8"
    assert recognise("雀巢裁员了很多人。".encode("gb18030")[:-1]) == "gb18030"


def test_a_damaged_line_makes_no_other_encoding():
    lines = "甲乙丙\n".encode() * 3 + b"\xff\xfe\xb0\n"
    assert recognise(lines) == "utf-8"
    assert recognise("甲乙丙丁戊己庚辛壬癸子丑寅卯辰".encode() + b"\xff") == "utf-8"


def test_bytes_that_do_not_decode_stay_in_their_line():
    content = "甲\n".encode("gb18030") + b"\xff\n" + "乙\n".encode("gb18030")
    first, bad, last = as_utf8(io.BytesIO(content), "gb18030").read().split(b"\n")[:3]
    assert (first.decode(), last.decode()) == ("甲", "乙")
    with pytest.raises(UnicodeDecodeError):
        bad.decode()


def test_the_name_of_the_encoding_is_told():
    told = []
    as_utf8(io.BytesIO("張忠謀在臺北".encode("big5")), "auto", told.append)
    as_utf8(io.BytesIO(b"x"), "GBK", told.append)
    assert told == ["big5", "gbk"]
    assert likely_encoding("張忠謀在臺北".encode("big5"), "utf-8") == "big5"


def test_an_encoding_that_is_none_is_refused():
    with pytest.raises(InputError, match="unknown encoding 'hex'; try utf-8 or gb18030"):
        check_encoding("hex")
