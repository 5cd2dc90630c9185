"""The words by which models name the parts of an answer, when they do not keep to our layout."""

import re

# Of several names of one field in an object the first that is listed here counts.
_SYNONYMS = {
    "type": (
        "type", "label", "entity_type", "event_type", "relation_type", "category", "class",
        "tag", "entity_label", "extraction_class", "entity_class", "entity_category", "类型",
        "实体类型", "事件类型", "关系类型", "类别", "实体类别", "标签", "种类", "event", "event_name",
        "事件", "事件名称",
    ),
    "predicate": (
        "predicate", "relation", "rel", "relationship", "relation_name", "property", "edge",
        "关系", "关系名称", "谓词", "谓语",
    ),
    "text": (
        "text", "mention", "entity_text", "entity_name", "extraction_text", "span_text",
        "surface", "entity", "name", "value", "span", "word", "string", "content", "phrase",
        "argument", "argument_text", "entity_mention", "实体", "实体名称", "实体文本", "名称",
        "文本", "提及", "内容", "值", "论元", "论元文本", "词语",
    ),
    "subject": (
        "subject", "head", "subj", "head_entity", "subject_text", "entity1", "source", "from",
        "arg1", "主体", "主语", "头实体", "头", "主实体", "实体1",
    ),
    "object": (
        "object", "tail", "obj", "tail_entity", "object_text", "entity2", "target", "to",
        "arg2", "客体", "宾语", "尾实体", "尾", "客实体", "实体2",
    ),
    "trigger": (
        "trigger", "trigger_word", "event_trigger", "trigger_text", "触发词", "触发器",
        "事件触发词",
    ),
    "arguments": (
        "arguments", "args", "participants", "roles", "event_arguments", "argument_list",
        "arguments_list", "论元", "要素", "事件论元", "论元列表", "角色列表", "参与者", "事件要素",
    ),
    "role": ("role", "argument_role", "role_name", "角色", "论元角色", "角色类型"),
    "qualifiers": ("qualifiers", "qualifier", "限定", "限定词"),
    "subject_type": ("subject_type", "head_type", "主体类型", "头实体类型", "主语类型"),
    "object_type": ("object_type", "tail_type", "客体类型", "尾实体类型", "宾语类型"),
    "occurrence": ("occurrence",),
    "trigger_occurrence": ("trigger_occurrence",),
    "subject_occurrence": ("subject_occurrence",),
    "object_occurrence": ("object_occurrence",),
}  # fmt: skip
_CONTAINERS = {
    "ner": (
        "entities", "entity_list", "ner", "named_entities", "entity", "ner_result",
        "ner_results", "实体", "实体列表", "命名实体", "实体抽取", "命名实体识别", "实体识别",
    ),
    "re": (
        "relations", "relation_list", "re", "spo_list", "spo", "triples", "triplets",
        "relationships", "relation", "关系", "关系列表", "三元组", "三元组列表", "关系抽取",
    ),
    "ee": (
        "events", "event_list", "ee", "event", "event_records", "事件", "事件列表", "事件抽取",
    ),
}  # fmt: skip
_WRAPPERS = (
    "output", "outputs", "result", "results", "answer", "answers", "response", "data", "json",
    "items", "list", "extractions", "extraction", "extracted", "mentions", "names", "spans",
    "values", "content", "contents", "final", "final_answer", "arguments", "parameters",
    "input", "function", "tool_calls", "结果", "答案", "输出", "抽取结果", "提取结果",
    "最终答案", "最终结果", "列表", "内容",
)  # fmt: skip
# Said about an answer, not in it.
_COMMENTS = (
    "reasoning", "reason", "thought", "thoughts", "thinking", "analysis", "explanation",
    "rationale", "evidence", "note", "notes", "comment", "summary", "message", "status",
    "language", "task", "sentence", "query", "instruction", "schema", "count", "total",
    "success", "error", "title", "version", "model", "created", "finish_reason",
    "思考", "思考过程", "推理", "推理过程", "分析", "理由", "解释", "说明", "备注", "原文", "句子",
    "任务", "总数", "数量",
)  # fmt: skip
# What says where a mention stands or how sure the model is; we find both out ourselves.
_BOOKKEEPING = (
    "start", "end", "score", "status", "id", "index", "offset", "offsets", "pos", "position",
    "positions", "start_index", "end_index", "start_pos", "end_pos", "start_offset",
    "end_offset", "begin", "char_start", "char_end", "char_interval", "probability", "prob",
    "confidence", "extraction_index", "group_index", "alignment_status", "entity_id",
    "event_id", "起始位置", "结束位置", "位置", "开始", "结束", "置信度", "序号", "编号",
)  # fmt: skip
# Beside an item, an object whose keys are meant to stand there themselves.
_SPREAD = ("attributes", "properties", "attrs", "details", "属性", "详情")

# Field name -> canonical field, and its place among the names of that field.
FIELDS = {name: field for field, names in _SYNONYMS.items() for name in names}
RANKS = {name: rank for names in _SYNONYMS.values() for rank, name in enumerate(names)}
# Name of a list -> its task.
CONTAINERS = {name: task for task, names in _CONTAINERS.items() for name in names}
WRAPPERS = frozenset(_WRAPPERS)
COMMENTS = frozenset(_COMMENTS)
BOOKKEEPING = frozenset(_BOOKKEEPING)
SPREAD = frozenset(_SPREAD)

# IEPile and OneKE write NAN for a role that nothing fills; what software writes needs no telling.
SOFTWARE_NULLS = frozenset(("", "nan", "none", "null", "nil", "undefined", "n/a"))
_NULL_WORD = re.compile(
    r"[-—–]{1,3}|空|空值|缺失|不适用|"
    r"(?:文中|原文中?|文本中?|句中|句子中)?(?:暂时?无|暂未|并?未|没有|并?无|不)"
    r"(?:明确|具体|直接|任何|相关|法)*"
    r"(?:提及|提到|提供|说明|给出|涉及|找到|发现|出现|体现|指明|指定|标明|描述|包含|知|详|明|"
    r"存在|对应|相关|信息|内容|数据|实体|适用|确定|判断|识别)*(?:的)?(?:实体|信息|内容|关系|事件)?|"
    r"unknown|unspecified|empty|none|not (?:mentioned|specified|found|available|provided|"
    r"applicable|given|stated)|no (?:information|mention|entity|entities|value|data)"
)
_NULL_EDGES = " \t\r\n。.,，!！\"'“”‘’`()（）<>[]【】「」{}"
_LONGEST_NULL_WORD = 16
# Most mentions begin with none of these, and each is asked.
NULL_STARTS = frozenset("-—–空缺不暂并未没无文原句nNuUeE" + _NULL_EDGES)
_EMPTY_ANSWER = re.compile(
    r"(?:这段|该|此|给定的?|上述|以上)?(?:文本|文字|文章|句子|原文|文|句)?(?:中|里)?"
    r"(?:并?没有|并?未能?|无|不存在|不包含)"
    r"(?:找到|发现|提及|提到|提取到?|抽取到?|识别到?|识别出|包含|出现|检测到)?"
    r"(?:任何|相关|符合(?:要求|条件)|满足(?:要求|条件)|指定|可抽取|需要抽取|类型|的)*"
    r"(?:命名)?(?:实体|关系|事件|内容|结果|信息|三元组)?|"
    r"no (?:\w+ )?(?:entities|relations|events|results|mentions)(?: (?:were )?found)?|empty|na|\[\]|\{\}"
)
_LONGEST_EMPTY_ANSWER = 40
_FENCE = re.compile(r"```\w*|`")


def plain_name(name: str) -> str:
    """Return a field name as the tables above have it."""
    return name.strip().lower().replace(" ", "_").replace("-", "_").lstrip("@")


def is_null(said: str) -> bool:
    """Say whether a value is a word for nothing."""
    if said[:1] not in NULL_STARTS or len(said) > _LONGEST_NULL_WORD:
        return not said
    word = said.strip(_NULL_EDGES).lower()
    if not word:
        return not said
    return word in SOFTWARE_NULLS or _NULL_WORD.fullmatch(word) is not None


def is_empty_answer(completion: str) -> bool:
    """Say whether a whole completion says that there is nothing, as 无 or a fenced [] do."""
    said = _FENCE.sub(" ", completion[: 4 * _LONGEST_EMPTY_ANSWER]).strip(_NULL_EDGES)
    if not said:
        return bool(completion.strip())
    is_short = len(completion.strip()) <= _LONGEST_EMPTY_ANSWER
    return is_short and (is_null(said) or _EMPTY_ANSWER.fullmatch(said.lower()) is not None)
