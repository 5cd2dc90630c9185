"""Words that names are judged by: too broad for a short form, no name of one body, letters of places."""

import re

# Too broad to be the short form of one organisation.
_BROAD = """
中国 美国 日本 英国 法国 德国 俄罗斯 韩国 印度 全国 国家 国际 世界 中华 中央 亚洲 欧洲 东方
北京 上海 天津 重庆 广东 江苏 浙江 山东 河南 河北 四川 湖北 湖南 福建 安徽 辽宁 陕西 江西 广西
云南 贵州 山西 吉林 黑龙江 甘肃 海南 内蒙古 新疆 西藏 宁夏 青海 香港 澳门 台湾 广州 深圳 杭州
南京 武汉 成都 上市 跨国 国有 民营 外资 科技 技术 银行 大学 集团 股份 证券 保险 投资 控股 公司 医院 学院 政府
"""
BROAD = frozenset(_BROAD.split())

# Kinds of body of which each place has one: which it is, the document alone says.
_BODY = re.compile(
    r"(?:[省市县区镇乡村]|自治区)?(?:[党团]?委|[党团]委会|党支部|政府|政协|人大|法院|检察院|纪委)"
    r"|(?:人民|地方|当地|过渡|临时|反对派)?(?:政府军?|军队|军方|法院|检察院|警方|警察局|议会|内阁)"
    r"|(?:公安|派出|工商|税务|教育|财政|卫生|环保|气象|统计|交通|农业|民政)(?:厅|局|所|部门)"
    r"|医院|大学|学院|学会|协会|商会|基金会|委员会|常委会|理事会|董事会|村委会|居委会|组委会"
    r"|办公室|领导小组|指挥部|总部|中心|联盟|大使馆|总统府|秘书处|董事局|研究院|研究所"
    r"|(?:代表|参观|访华|专家|使|考察|交响乐|艺术|军乐)团|(?:仪仗|医疗|搜救|救援|工作|专家)队|[男女]团|[男女]队"
)
# Behind the name of a place, a team that is another in every sport.
_TEAM = re.compile(r"(.{2,})(?:代表)?队")

# Letters that stand for places.
_LETTERS = """
中国 中华 美国 美 俄罗斯 俄 英国 英 法国 法 德国 德 日本 日 韩国 韩 朝鲜 朝 印度 印 印度尼西亚 印 越南 越 泰国 泰 缅甸 缅
柬埔寨 柬 老挝 老 菲律宾 菲 新加坡 新 新西兰 新 新疆 新疆 澳大利亚 澳 澳门 澳 加拿大 加 乌克兰 乌 乌兹别克斯坦 乌 以色列 以
巴勒斯坦 巴 巴基斯坦 巴 巴西 巴 伊朗 伊 伊拉克 伊 叙利亚 叙 沙特 沙 沙特阿拉伯 沙 埃及 埃 土耳其 土 秘鲁 秘 芬兰 芬
哈萨克斯坦 哈 黑龙江 黑 蒙古 蒙 内蒙古 蒙 欧洲 欧 非洲 非 亚洲 亚 北京 京 上海 沪 天津 津 重庆 渝 广东 粤 香港 港
台湾 台 江苏 苏 苏联 苏 浙江 浙 安徽 皖 福建 闽 江西 赣 山东 鲁 河南 豫 湖北 鄂 湖南 湘 广西 桂 海南 琼 四川 川蜀 贵州 黔
云南 滇 西藏 藏 陕西 陕 甘肃 甘陇 宁夏 宁 南京 宁 河北 冀 山西 晋 辽宁 辽 吉林 吉 黎巴嫩 黎 约旦 约 塞尔维亚 塞
"""


def _letters() -> dict[str, frozenset[str]]:
    words = _LETTERS.split()
    found: dict[str, set[str]] = {}
    for place, letters in zip(words[::2], words[1::2], strict=True):
        for letter in letters:
            found.setdefault(letter, set()).add(place)
    return {letter: frozenset(places) for letter, places in found.items()}


# The places that a letter may stand for.
PLACE_LETTERS = _letters()
_PLACES = BROAD.union(*PLACE_LETTERS.values())

# A time that is one and the same in every document: it says its year, or is a feast or an age.
_DATED = re.compile(
    r"(?<!\d)(?:1\d|20)\d\d(?!\d|多|余|[个小]|[天年]来)|[〇零一二三四五六七八九]{4}年|世纪|公元|[节朝]$"
    r"|元旦|国庆|五一|端午|中秋|春节|除夕|时代|时期|十[一二三四五六七]五"
)


def is_body(text: str) -> bool:
    """Return whether many bodies bear an organisation's name: 法院, 市委, 委员会, 中国队."""
    team = _TEAM.fullmatch(text)
    is_national = team is not None and (team[1] in _PLACES or team[1][-1] in "国省市县")
    return is_national or _BODY.fullmatch(text) is not None


def is_dated(text: str) -> bool:
    """Return whether a time means the same in every document: 2024年5月 and 端午节, not 今天 and 3日."""
    return _DATED.search(text) is not None
