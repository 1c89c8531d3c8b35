"""Asks the fakes with the vendors' own clients. Prints one JSON object: what each of them made of the answers."""

import json
import sys

import anthropic
import ollama
import openai

KEY = "sk-test-0123456789abcdefghij"
QUESTION = [{"role": "user", "content": "Hello, 日本"}]
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
FUNCTION = {"type": "function", "function": {"name": "files__read", "description": "Read a file.", "parameters": SCHEMA}}
TOOL = {"name": "files__read", "description": "Read a file.", "input_schema": SCHEMA}


def failure(ask):
    """The class and the status of the error that `ask` raises."""
    try:
        ask()
    except (openai.APIStatusError, anthropic.APIStatusError, ollama.ResponseError) as error:
        return [type(error).__name__, error.status_code]
    return ["nothing", 200]


def with_openai(url):
    client = openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=2)
    once = client.with_options(max_retries=0)
    found = {"models": [model.id for model in client.models.list()]}
    whole = client.chat.completions.create(model="m-1", messages=QUESTION, max_tokens=10)
    found["whole"] = [whole.choices[0].message.content, whole.choices[0].finish_reason, whole.usage.prompt_tokens]

    text, usage, reason, calls = "", None, None, {}
    stream = client.chat.completions.create(
        model="m-1", messages=QUESTION, tools=[FUNCTION], stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
            for piece in choice.delta.tool_calls or []:
                call = calls.setdefault(piece.index, {"id": piece.id, "name": piece.function.name, "arguments": ""})
                call["arguments"] += piece.function.arguments or ""
    calls = [calls[index] for index in sorted(calls)]
    found["stream"] = [text, reason, usage.completion_tokens, [[c["name"], json.loads(c["arguments"])] for c in calls]]

    proposed = [
        {"id": c["id"], "type": "function", "function": {"name": c["name"], "arguments": c["arguments"]}} for c in calls
    ]
    results = [{"role": "tool", "tool_call_id": c["id"], "content": "text"} for c in calls]
    history = QUESTION + [{"role": "assistant", "content": text, "tool_calls": proposed}] + results
    found["results"] = client.chat.completions.create(model="m-1", messages=history).choices[0].message.content
    found["retried"] = client.chat.completions.create(model="m-1", messages=QUESTION).choices[0].message.content

    def ask(client=once, **more):
        return client.chat.completions.create(**{"model": "m-1", "messages": QUESTION, **more})

    found["failures"] = [
        failure(ask),
        failure(lambda: ask(once.with_options(api_key="sk-wrong-00000000"))),
        failure(lambda: ask(model="m-2")),
        failure(lambda: ask(extra_body={"colour": "red"})),
        failure(lambda: ask(messages=history[:2])),
    ]
    return found


def with_anthropic(url):
    client = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=2)
    once = client.with_options(max_retries=0)
    whole = client.messages.create(model="m-1", max_tokens=10, messages=QUESTION)
    found = {"whole": [whole.content[0].text, whole.stop_reason, whole.usage.input_tokens]}

    with client.messages.stream(model="m-1", max_tokens=10, messages=QUESTION, tools=[TOOL]) as stream:
        text = "".join(stream.text_stream)
        last = stream.get_final_message()
    calls = [block for block in last.content if block.type == "tool_use"]
    found["stream"] = [text, last.stop_reason, last.usage.output_tokens, [[c.name, c.input] for c in calls]]

    proposed = [{"type": "text", "text": text}]
    proposed += [{"type": "tool_use", "id": c.id, "name": c.name, "input": c.input} for c in calls]
    results = [{"type": "tool_result", "tool_use_id": c.id, "content": "text"} for c in calls]
    history = QUESTION + [{"role": "assistant", "content": proposed}, {"role": "user", "content": results}]
    found["results"] = client.messages.create(model="m-1", max_tokens=10, messages=history).content[0].text
    found["retried"] = client.messages.create(model="m-1", max_tokens=10, messages=QUESTION).content[0].text

    def ask(client=once, **more):
        return client.messages.create(**{"model": "m-1", "max_tokens": 10, "messages": QUESTION, **more})

    found["failures"] = [
        failure(ask),
        failure(lambda: ask(once.with_options(api_key="sk-wrong-00000000"))),
        failure(lambda: ask(model="m-2")),
        failure(lambda: ask(extra_body={"colour": "red"})),
        failure(lambda: ask(messages=history[:2])),
    ]
    return found


def with_ollama(url):
    client = ollama.Client(host=url, headers={"authorization": "Bearer " + KEY})
    found = {"models": [model.model for model in client.list().models]}
    whole = client.chat(model="m-1", messages=QUESTION)
    found["whole"] = [whole.message.content, whole.done_reason, whole.prompt_eval_count]

    text, calls, last = "", [], None
    for last in client.chat(model="m-1", messages=QUESTION, tools=[FUNCTION], stream=True):
        text += last.message.content or ""
        calls += last.message.tool_calls or []
    found["stream"] = [text, last.done_reason, last.eval_count, [[c.function.name, c.function.arguments] for c in calls]]

    proposed = [{"function": {"name": c.function.name, "arguments": dict(c.function.arguments)}} for c in calls]
    results = [{"role": "tool", "tool_name": c.function.name, "content": "text"} for c in calls]
    history = QUESTION + [{"role": "assistant", "content": text, "tool_calls": proposed}] + results
    found["results"] = client.chat(model="m-1", messages=history).message.content
    found["failures"] = [
        failure(lambda: client.chat(model="m-1", messages=QUESTION)),
        failure(lambda: ollama.Client(host=url).chat(model="m-1", messages=QUESTION)),
        failure(lambda: client.chat(model="m-2", messages=QUESTION)),
        failure(lambda: client.chat(model="m-1", messages=[{"role": "oracle", "content": "x"}])),
    ]
    return found


json.dump(
    {"openai": with_openai(sys.argv[1]), "anthropic": with_anthropic(sys.argv[2]), "ollama": with_ollama(sys.argv[3])},
    sys.stdout,
)
