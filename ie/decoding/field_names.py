"""The words by which models name the parts of an answer, when they do not keep to our layout."""

_SYNONYMS = {
    "type": (
        "type", "label", "category", "entity_type", "event_type", "relation_type", "class",
        "类型", "实体类型", "事件类型", "类别", "标签",
    ),
    "predicate": ("predicate", "relation", "rel", "关系", "关系类型", "谓词"),
    "text": (
        "text", "name", "mention", "entity", "span", "word", "value", "entity_text",
        "entity_name", "argument", "实体", "名称", "文本", "内容", "值",
    ),
    "subject": ("subject", "head", "subj", "source", "主体", "主语", "头实体"),
    "object": ("object", "tail", "obj", "target", "客体", "宾语", "尾实体"),
    "trigger": ("trigger", "trigger_word", "event_trigger", "触发词"),
    "arguments": ("arguments", "args", "participants", "论元", "要素", "事件论元"),
    "role": ("role", "argument_role", "角色", "论元角色"),
    "qualifiers": ("qualifiers", "限定"),
    "occurrence": ("occurrence",),
    "trigger_occurrence": ("trigger_occurrence",),
    "subject_occurrence": ("subject_occurrence",),
    "object_occurrence": ("object_occurrence",),
}  # fmt: skip
_CONTAINERS = {
    "ner": ("entities", "entity_list", "ner", "named_entities", "实体", "实体列表", "命名实体"),
    "re": ("relations", "relation_list", "re", "spo_list", "triples", "关系", "关系列表", "三元组"),
    "ee": ("events", "event_list", "ee", "事件", "事件列表"),
}  # fmt: skip

# Field name -> canonical field, and name of a list -> its task.
FIELDS = {name: field for field, names in _SYNONYMS.items() for name in names}
CONTAINERS = {name: task for task, names in _CONTAINERS.items() for name in names}
WRAPPERS = frozenset(
    ("output", "result", "results", "answer", "response", "data", "json", "结果", "答案", "输出")
)
# IEPile and OneKE write NAN for a role that nothing fills.
NULL_WORDS = frozenset(("", "nan", "none", "null", "n/a"))
EMPTY_ANSWERS = NULL_WORDS | {
    "na",
    "无",
    "没有",
    "空",
    "不存在",
    "没有找到",
    "no entities",
    "empty",
}
