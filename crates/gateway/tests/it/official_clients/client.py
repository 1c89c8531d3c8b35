"""OpenAI's Python client against a gateway; OPENAI_BASE_URL and OPENAI_API_KEY say where and as whom."""

import asyncio

import openai
from openai import AsyncOpenAI, OpenAI

client = OpenAI()
user = [{"role": "user", "content": "one two three"}]

# Models.
models = client.models.list()
assert [model.id for model in models] == ["echo"], models
assert client.models.retrieve("echo").owned_by == "hardshell"

# One piece.
answer = client.chat.completions.create(model="echo", messages=user)
assert answer.choices[0].message.content == "one two three", answer
assert answer.choices[0].finish_reason == "stop"
assert answer.usage.total_tokens == 8

# Streamed, with the tokens told at the end.
text, usage, finish = "", None, None
stream = client.chat.completions.create(
    model="echo", messages=user, stream=True, stream_options={"include_usage": True}
)
for chunk in stream:
    if chunk.choices:
        text += chunk.choices[0].delta.content or ""
        finish = chunk.choices[0].finish_reason or finish
    usage = chunk.usage or usage
assert (text, finish, usage.total_tokens) == ("one two three", "stop", 8)

# Streamed through the helper that collects an answer.
with client.chat.completions.stream(model="echo", messages=user) as helper:
    for _ in helper:
        pass
    assert helper.get_final_completion().choices[0].message.content == "one two three"

# Left in the middle.
stream = client.chat.completions.create(
    model="echo", messages=[{"role": "user", "content": "never end"}], stream=True
)
for chunk in stream:
    if chunk.choices and chunk.choices[0].delta.content:
        break
stream.close()


def fails(kind, status, code, call):
    try:
        call()
    except kind as error:
        assert getattr(error, "status_code", None) == status, (kind, error)
        assert error.code == code, (code, error.code)
        return error
    raise AssertionError(f"{kind.__name__} did not come")


def ask(on=client, model="echo", text="x", **more):
    return lambda: on.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **more)


fails(openai.NotFoundError, 404, "model_not_found", ask(model="gpt-none"))
fails(openai.NotFoundError, 404, "model_not_found", lambda: client.models.retrieve("none"))
fails(openai.BadRequestError, 400, "context_length_exceeded", ask(text="x" * 6000))
fails(openai.BadRequestError, 400, "unsupported_parameter", ask(n=2))
fails(openai.AuthenticationError, 401, "invalid_api_key", ask(on=OpenAI(api_key="hs_wrong")))
fails(openai.RateLimitError, 429, "rate_limit_exceeded", ask(on=client.with_options(max_retries=0), text="be busy"))
fails(openai.InternalServerError, 500, "server_error", ask(on=client.with_options(max_retries=0), text="fail midway"))
error = fails(openai.APIError, None, "server_error", lambda: list(ask(text="fail midway", stream=True)()))
assert "provider hung up" in error.message, error


async def many():
    on = AsyncOpenAI()
    answers = await asyncio.gather(
        *(on.chat.completions.create(model="echo", messages=[{"role": "user", "content": f"no {n}"}]) for n in range(30))
    )
    assert [answer.choices[0].message.content for answer in answers] == [f"no {n}" for n in range(30)]


asyncio.run(many())
