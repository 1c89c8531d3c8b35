// OpenAI's Node client against a gateway; OPENAI_BASE_URL and OPENAI_API_KEY say where and as whom.
import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI();
const messages = [{ role: "user", content: "one two three" }];

// Models.
const models = [];
for await (const model of client.models.list()) models.push(model.id);
assert.deepEqual(models, ["echo"]);
assert.equal((await client.models.retrieve("echo")).owned_by, "hardshell");

// One piece.
const answer = await client.chat.completions.create({ model: "echo", messages });
assert.equal(answer.choices[0].message.content, "one two three");
assert.equal(answer.usage.total_tokens, 8);

// Streamed, with the tokens told at the end.
let text = "";
let usage;
const stream = await client.chat.completions.create({
  model: "echo", messages, stream: true, stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
assert.deepEqual([text, usage.total_tokens], ["one two three", 8]);

// Streamed through the helper that collects an answer.
const helper = client.chat.completions.stream({ model: "echo", messages });
assert.equal((await helper.finalChatCompletion()).choices[0].message.content, "one two three");

// Left in the middle.
const endless = await client.chat.completions.create({
  model: "echo", messages: [{ role: "user", content: "never end" }], stream: true,
});
for await (const chunk of endless) if (chunk.choices[0]?.delta?.content) break;

const ask = (on, body) => on.chat.completions.create({ model: "echo", messages, ...body });
const said = (content) => ({ messages: [{ role: "user", content }] });
const once = new OpenAI({ maxRetries: 0 });
for (const [kind, status, code, call] of [
  [OpenAI.NotFoundError, 404, "model_not_found", () => ask(client, { model: "gpt-none" })],
  [OpenAI.BadRequestError, 400, "context_length_exceeded", () => ask(client, said("x".repeat(6000)))],
  [OpenAI.BadRequestError, 400, "unsupported_parameter", () => ask(client, { n: 2 })],
  [OpenAI.AuthenticationError, 401, "invalid_api_key", () => ask(new OpenAI({ apiKey: "hs_wrong" }), {})],
  [OpenAI.RateLimitError, 429, "rate_limit_exceeded", () => ask(once, said("be busy"))],
  [OpenAI.InternalServerError, 500, "server_error", () => ask(once, said("fail midway"))],
]) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof kind, `${error}`);
    assert.deepEqual([error.status, error.code], [status, code]);
    return true;
  });
}
await assert.rejects(async () => {
  for await (const chunk of await ask(client, { ...said("fail midway"), stream: true })) void chunk;
}, /provider hung up/);

const many = await Promise.all(Array.from({ length: 30 }, (_, n) => ask(client, said(`no ${n}`))));
assert.deepEqual(many.map((one) => one.choices[0].message.content), many.map((_, n) => `no ${n}`));
