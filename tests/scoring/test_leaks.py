"""What a model or a failed call says is found; prose that sounds alike is let be."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwrite.scoring.leaks import Leak, find_leaks, is_error, is_refusal, scrub

ROOT = Path(__file__).resolve().parents[2]
NOVELS = ROOT.parent / "shared" / "fixtures" / "novels"

STORY = "She went down to the sea. It was grey.\n\nNobody came."

WRAPPED = [
    "<think>A story, short.</think>\n{}",
    "A story, short.</think>\n\n{}",
    "{}</think>",
    "{}<|im_end|>",
    "<|im_start|>assistant\n{}<|im_end|>",
    "<|start_header_id|>assistant<|end_header_id|>\n\n{}<|eot_id|>",
    "[INST] {}",
    "{}</s>",
    "<answer>\n{}\n</answer>",
    '<section title="The Sea">\n\n{}\n\n</section>',
    "### Response:\n\n{}",
    "Here's the section:\n\n{}",
    "Here is a well-structured story based on the given prompt:\n\n{}",
    "Sure! Here's the next chapter.\n\n---\n\n{}",
    "Certainly!\n\n{}",
    "Of course. Below is the revised draft you asked for:\n\n{}",
    "I'd be happy to write this story. However, I must point out that 8000 words is long. I'll "
    "provide a shorter version.\n\n{}",
    "In this section, I will write about the sea.\n\n{}",
    "As an AI language model, I do not have feelings. {}",
    "Okay, the user wants a story about the sea.\n\n{}",
    "{}\n\n(Word count: 2,025)",
    "{}\n\n---\n\n**Word Count: 16,500 words**",
    "{} (Word count: 14)",
    "{}\n\n*[Approximately 500 words]*",
    "{}\n\n[Continued]",
    "{}\n\n(To be continued in the next part)",
    "{}\n\n[End of Chapter 3]",
    "{}\n\nI hope this helps! Let me know if you would like changes.",
    "{} Would you like me to continue with the next section?",
    "{}\n\nShall I go on? Should I revise this part? Do you want me to expand it?",
    "{}\n\nFeel free to ask for changes. Please do not hesitate to write.",
    "{}\n\nIf you want another ending, just ask.",
    "{}\n\nNote: I have kept the tone light and stayed near 500 words.",
    "{}\n\nThis story is approximately 800 words. It follows a woman by the sea.",
    "好的，以下是第三章的内容：\n\n{}",
    "当然可以！以下是根据您的要求撰写的小说章节：\n\n{}\n\n（未完待续）",
    "{}（约500字）",
    "{}\n\n（全文约1200字）",
    "{}\n\n字数统计：1200字",
    "{}\n\n希望这篇文章对您有帮助！如果您需要修改，请告诉我。",
    "{}\n\n需要我继续写下一章吗？",
    "{}\n\n是否要我修改？如您有疑问，可随时提出。请问要继续吗？",
    "{}\n\n如果您有修改意见，请随时告诉我。",
    "```markdown\n{}\n```",
    "Here's Chapter 4:\n\n{}",
    "I'll continue writing the next section now:\n\n{}",
    "{}\n\n[The story continues...]",
    "第三章的内容如下：\n\n{}",
    "接下来，我将为您续写第三章。\n\n{}",
    "{}\n\n——未完待续——",
]

PROSE = [
    "Sure, I knew him. Everyone did.",
    "Here is the house where I was born. It stood alone.",
    "Here is the outline of this chapter:\n\n- the sea\n- the wind",
    "“Sure! Here's the story,” he said.",
    "Let me tell you a story. It was night.",
    "I will write to you, he said, and the letter will come.",
    "Dear Ann,\n\nAll is well.\n\nLet me know if you can come.",
    "Dear Ann,\n\nAll is well. I hope this helps.\n\nYours,\nTom",
    "TOM\nLet me know if you need anything.",
    "In this essay, I will argue that the sea is grey. It is.",
    "In this chapter, we will explore the sea.",
    "He asked, “Would you like me to continue?”",
    "Text goes on.\n\nTo be continued…",
    "It was over.\n\nThe End",
    "灯灭了。\n\n（全文完）",
    "Yes.\n\nThat was all she said.",
    "I am happy to help at the shelter every Sunday. It is work.",
    "I will write you a letter every day.",
    "We need to write a new chapter in our nation's story. Now.",
    "This is only the beginning of the story of the sea, and we are in it.",
    "AI: A History\n\nIt began by the sea.",
    "这是一个关于海的故事。",
    "当然，海并不总是灰色的。",
    "请告诉我，她说，海是什么颜色。",
    "“好的，”她说。",
    "下面是本节的主要内容：\n\n- 海\n- 风",
    "An essay of 500 words takes an hour.",
    "He wrote <b>bold</b> and <s>struck</s> words, and H<sub>2</sub>O.",
    "Write `<think>` or `[INST]` and see.",
    "```\n<think>\nWord count: 3\n```\n\nSo it goes.",
    "“I'm sorry, but I can't come,” she said.",
    "I'm sorry, but I can't come, she said, and went away.",
    "I cannot help but wonder at the sea.",
    "I can't write about the sea without tears, and yet I must. " + "It is grey. " * 60,
    "抱歉，我来晚了。她说。",
    "Rate limit exceeded errors occur when a client asks too often.",
    "## Rate limit exceeded\n\nThis is what a busy server says.",
    "- Rate limit exceeded\n- Error: 500",
    "A server says `Error: 500` and stops.\n\n```\nTraceback (most recent call last):\n```",
    "The header 429 Too Many Requests means: wait. " * 10,
    "None of them came. Error was all around.",
]

REFUSALS = [
    "I'm sorry, but I can't assist with that.",
    "I cannot assist with this request.",
    "I’m unable to fulfill your request.",
    "Sorry, I can't provide that.",
    "Unfortunately, I am not able to continue this story as it violates the content policy.",
    "I apologize, but I cannot generate that content. " + "It goes on. " * 60,
    "As an AI language model, I cannot create this.",
    "<answer>\nI'm sorry, but I can't help with that.\n</answer>",
    "抱歉，我无法提供相关内容。",
    "很抱歉，我无法满足您的要求。",
    "作为一个人工智能，我无法写这个。",
]

ERRORS = [
    "Max tries. Failed.",
    "The sea was grey.\n\nMax tries. Failed.\n\nNobody came.",
    "Error: 500",
    "Error code: 404 - the model was not found",
    "502 Bad Gateway",
    "Rate limit exceeded. Please try again in 20s.",
    "upstream connect error or disconnect/reset before headers. reset reason: overflow",
    "<!DOCTYPE html>\n<html><body>502</body></html>",
    '{"error": {"message": "overloaded"}}',
    'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: x',
    "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB",
    "openai.RateLimitError: Error code: 429",
    "This model's maximum context length is 4097 tokens.",
    "None",
]


@pytest.mark.parametrize("frame", WRAPPED)
def test_what_stands_around_the_text_is_taken_away(frame: str) -> None:
    text = frame.format(STORY)
    assert {leak.kind for leak in find_leaks(text)} <= {"tag", "meta"}
    assert scrub(text) == STORY


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_let_be(text: str) -> None:
    assert find_leaks(text) == ()
    assert scrub(text) == text
    assert not is_refusal(text)
    assert not is_error(text)


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_are_told(text: str) -> None:
    assert is_refusal(text)
    assert not is_error(text)


@pytest.mark.parametrize("text", ERRORS)
def test_what_a_failed_call_says_is_told_and_stays(text: str) -> None:
    assert is_error(text)
    assert not is_refusal(text)
    assert scrub(text) == text


def test_long_lines_are_looked_at_where_talk_may_stand() -> None:
    line = "She went down to the sea, which was grey that day. " * 20 + "It was late."
    assert scrub(f"{line} (Word count: 222)") == line
    told = f"Here is the story, {'as long as I could make it, ' * 10}that you asked for:"
    assert scrub(f"{told}\n\n{STORY}") == STORY
    assert scrub(f"{line}\n\nLet me know if it fits.") == line


def test_talk_ends_with_its_line() -> None:
    text = "But the story was not over. I will tell the other part."
    assert scrub(f"<answer>\n{text}") == scrub(f"Certainly!\n\n{text}") == text


def test_a_leak_says_where_it_stands() -> None:
    text = "The sea.\n(500 words)\n\nThe wind."
    assert find_leaks(text) == (Leak("meta", 9, 20),)
    assert scrub(text) == "The sea.\n\nThe wind."


SNIPPETS = [
    "Sure! ",
    "Here's the section:\n\n",
    "好的，",
    "<think>",
    "</think>",
    "<|im_end|>",
    "<answer>",
    "</s>",
    "(Word count: 3)",
    "（约500字）",
    "Would you like me to continue?",
    "Let me know if it fits.",
    "---",
    "\n",
    "\n\n",
    " ",
    "She went. ",
    "- item",
    "# Head",
    "`x`",
]


@given(st.lists(st.sampled_from(SNIPPETS), max_size=20).map("".join))
@settings(deadline=None, max_examples=300)
def test_scrubbing_again_changes_nothing(text: str) -> None:
    once = scrub(text)
    assert scrub(once) == once
    assert not any(leak.kind in ("tag", "meta") for leak in find_leaks(once))


@given(st.text(max_size=300))
@settings(deadline=None)
def test_leaks_stand_in_order_inside_the_text(text: str) -> None:
    leaks = find_leaks(text)
    assert all(0 <= leak.start < leak.end <= len(text) for leak in leaks)
    assert all(a.end <= b.start for a, b in pairwise(leaks))


@given(st.text(alphabet="ab\n <>/think`(Word count: 3)", max_size=80))
@settings(deadline=None)
def test_code_is_never_touched(code: str) -> None:
    fence = "~~~~~~\n" + code.replace("~", "") + "\n~~~~~~"
    assert scrub(f"She went.\n\n{fence}\n\nNobody came.") == f"She went.\n\n{fence}\n\nNobody came."


def test_novels_hold_no_leaks() -> None:
    if not NOVELS.is_dir():
        pytest.skip("the novels are not beside this checkout")
    for path in sorted(NOVELS.glob("*.txt")):
        text = path.read_text(encoding="utf-8").split(" ")
        windows = [" ".join(text[at : at + 500]) for at in range(0, len(text), 500)]
        assert not any(is_refusal(window) or is_error(window) for window in windows)
        assert sum(scrub(window) != window for window in windows) <= 0.005 * len(windows)


def test_what_our_own_prompts_are_fenced_with_is_found() -> None:
    folders = ("longwrite/agent", "longwrite/bench", "planners", "rewards", "data")
    sources = [path.read_text("utf-8") for name in folders for path in (ROOT / name).glob("*.py")]
    names = {name for text in sources for name in re.findall(r"""fence\(["'](\w+)["']""", text)}
    assert len(names) > 10
    for name in names:
        assert scrub(f"<{name}>\n{STORY}\n</{name}>") == STORY, name
        assert scrub(f"{STORY}\n\n</{name}>") == STORY, name
