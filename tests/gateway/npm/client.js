// An application that uses the official client as it comes; only the base address is ours. Prints what it got as one JSON object.
import fs from "node:fs";
import OpenAI from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "Привет 🙂" }];
const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];
const image = { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } };

const plain = await client.chat.completions.create({ model: "gpt-4o", messages });
let streamed = "";
for await (const chunk of await client.chat.completions.create({ model: "gpt-4o", messages, stream: true })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
}
const called = await client.chat.completions.create({ model: "gpt-4o", messages, tools });
const runner = client.chat.completions.stream({ model: "gpt-4o", messages, tools });
const final = await runner.finalChatCompletion();
const seen = await client.chat.completions.create({
  model: "gpt-4o",
  messages: [{ role: "user", content: [{ type: "text", text: "what is it?" }, image] }],
});
const response = await client.responses.create({ model: "gpt-4o", input: "два" });
const embedding = await client.embeddings.create({ model: "e", input: "a", encoding_format: "float" });
const uploaded = await client.files.create({ file: fs.createReadStream(process.argv[1]), purpose: "batch" });
let refused = null;
try {
  await client.chat.completions.create({ model: "script-429", messages });
} catch (error) {
  refused = { kind: error.constructor.name, status: error.status, code: error.code };
}
const models = [];
for await (const model of client.models.list()) models.push(model.id);

console.log(JSON.stringify({
  plain: plain.choices[0].message.content,
  streamed,
  called: called.choices[0].message.tool_calls[0].function,
  final: final.choices[0].message.tool_calls[0].function.arguments,
  seen: seen.choices[0].message.content,
  response: response.output_text,
  embedding: embedding.data[0].embedding,
  uploaded: uploaded.status,
  refused,
  models,
}));
