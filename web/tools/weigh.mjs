/** Prints what the built page weighs on the wire. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** Formats that are compressed already. */
const PACKED = /\.woff2$/u;

const root = new URL("../dist/", import.meta.url).pathname;
const rows = readdirSync(root, { recursive: true, encoding: "utf8" })
  .map((name) => join(root, name))
  .filter((path) => statSync(path).isFile())
  .map((path) => {
    const bytes = readFileSync(path);
    return { name: path.slice(root.length), bytes: bytes.length, wire: PACKED.test(path) ? bytes.length : gzipSync(bytes, { level: 9 }).length };
  })
  .sort((one, other) => other.wire - one.wire);
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`.padStart(11);
for (const row of rows) console.log(`${kib(row.bytes)} ${kib(row.wire)} gzip  ${row.name}`);
const sum = (name) => rows.reduce((total, row) => total + row[name], 0);
console.log(`${kib(sum("bytes"))} ${kib(sum("wire"))} gzip  in all`);
