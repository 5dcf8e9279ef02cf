/**
 * Files of tunnels that cost a reader the most work: one for each part of a file
 * that can be repeated or long, as long as a file may be and, if that is more, as
 * long as a mebibyte.
 */
import { boundsOf, excessOf } from "../../../shared/contract/config-bounds.ts";

type Part = (index: number) => string;

const MIB = 1024 * 1024;
const GOOD = '"listen": 1, "target": "h:1", "key": "k"';

const inFile = (entries: string): string => `{"version":1,"tunnels":{${entries}}}`;
const inEntry = (properties: string): string => inFile(`"a":{${GOOD},${properties}}`);
const list = (count: number, part: Part): string => Array.from({ length: count }, (_, index) => part(index)).join(",");

/** The repeated part, and the text around it. */
const REPEATED: Readonly<Record<string, readonly [part: Part, around: (middle: string) => string]>> = {
  "unknown properties": [(i) => `"p${i}":1,`, inEntry],
  "nearly known properties": [(i) => `"targe${i}":1,`, inEntry],
  "unknown properties of the file": [(i) => `"p${i}":1,`, (middle) => `{"version":1,"tunnels":{},${middle}}`],
  "unknown properties of a key": [(i) => `"fil${i}":1,`, (middle) => inFile(`"a":{"listen":1,"target":"h:1","key":{${middle}}}`)],
  "entries of fifty unknown properties": [(i) => `"e${i}":{${list(50, (j) => `"targe${j}":1`)}},`, inFile],
  "empty entries": [(i) => `"e${i}":{},`, inFile],
  "entries that are numbers": [(i) => `"e${i}":1,`, inFile],
  "good entries": [(i) => `"e${i}":{"listen":${i + 1},"target":"h:1","key":"k"},`, inFile],
  "full entries": [
    (i) => `"e${i}":{"service":"redis","listen":"127.0.0.1:${i + 1}","target":"h${i}.example.com:1","key":"k","user":"u","env":{"A_URL":"\${url}"}},`,
    inFile,
  ],
  "entries at one port": [(i) => `"e${i}":{"listen":1,"target":"h:1","key":"k"},`, inFile],
  "entries at one port of many addresses": [(i) => `"e${i}":{"listen":"127.0.${i >> 8}.${i & 255}:1","target":"h:1","key":"k"},`, inFile],
  "servers at one port": [(i) => `"e${i}":{"role":"server","listen":1,"target":"h:1","key":["k${i}","l${i}","m${i}"]},`, inFile],
  "entries with long addresses": [(i) => `"e${i}":{"listen":"${"a".repeat(250)}:${i}","target":"h:1","key":"k"},`, inFile],
  "entries with faulty variables": [(i) => `"e${i}":{${GOOD},"env":{${list(99, (j) => `"V ${j}":1`)}}},`, inFile],
  "entries with placeholders": [(i) => `"e${i}":{${GOOD},"env":{${list(99, (j) => `"V${j}":"${"$".concat("{url}").repeat(9)}"`)}}},`, inFile],
  "entries with keys like secrets": [
    (i) => `"e${i}":{"role":"server","listen":1,"target":"h:1","key":[${list(8, (j) => `"${"aA1".repeat(20)}${j}"`)}]},`,
    inFile,
  ],
  "entries of one name": [() => '"e":{},', inFile],
  "entries of bad names": [(i) => `" ${i}":{},`, inFile],
  "properties of one name": [() => '"p":1,', inEntry],
  "objects of two equal names": [() => '{"a":1,"a":1},', (middle) => inEntry(`"x":[${middle}]`)],
  variables: [(i) => `"V${i}":"",`, (middle) => inEntry(`"service":"redis","env":{${middle}}`)],
  "faulty variables": [(i) => `"V ${i}":1,`, (middle) => inEntry(`"service":"redis","env":{${middle}}`)],
  keys: [(i) => `"k${i}",`, (middle) => inFile(`"a":{"role":"server","listen":1,"target":"h:1","key":[${middle}]}`)],
  "empty lists": [() => "[],", (middle) => inFile(`"a":[${middle}]`)],
  numbers: [() => "1,", (middle) => inFile(`"a":[${middle}]`)],
  commas: [() => ",", inFile],
  "words that are none": [() => "x ", inFile],
  "dashes, each a mistake": [() => "-", inFile],
  zeros: [() => "0", inFile],
  "slashes alone": [() => "/ ", inFile],
  "entries with a mistake of syntax": [(i) => `"e${i}":{"listen" 1},`, inFile],
  comments: [() => "/**/", inFile],
  "lines of comment": [() => "//\n", inFile],
  "empty lines": [() => "\n", inFile],
  blanks: [() => " ".repeat(64), inFile],
  brackets: [() => "[", (middle) => middle],
  "nested objects": [() => '{"a":', (middle) => middle],
};

/** One long text. */
const LONG: Readonly<Record<string, readonly [unit: string, around: (middle: string) => string]>> = {
  "a long name": ["a", (middle) => inFile(`"${middle}":{}`)],
  "a long address": ["a", (middle) => inFile(`"a":{"listen":"${middle}","target":"h:1","key":"k"}`)],
  "an address of colons": [":", (middle) => inFile(`"a":{"listen":"${middle}","target":"h:1","key":"k"}`)],
  "an address of brackets": ["[", (middle) => inFile(`"a":{"listen":1,"target":"${middle}","key":"k"}`)],
  "a long key": ["aA1", (middle) => inFile(`"a":{"listen":1,"target":"h:1","key":"${middle}"}`)],
  "escapes of control characters": ["\\u0000", (middle) => inEntry(`"service":"redis","user":"${middle}"`)],
  "placeholders without an end": ["${", (middle) => inEntry(`"env":{"A":"${middle}"}`)],
  "escaped backslashes": ["\\\\", (middle) => inFile(`"${middle}":1`)],
  "halves of pairs": ["\\ud83d", (middle) => inEntry(`"x":"${middle}"`)],
  "a text without an end": ["a", (middle) => `{"version":1,"tunnels":{"a":"${middle}`],
  "a long number": ["1", (middle) => inFile(`"a":${middle}`)],
  "a long comment": ["/", (middle) => inFile(`//${middle}\n`)],
};

/** Every file, by its special feature. */
export function maximumFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [what, [part, around]] of Object.entries(REPEATED)) {
    const parts: string[] = [];
    for (let length = 0; length < MIB - 200; length += parts.at(-1)?.length ?? 0) parts.push(part(parts.length));
    const make = (count: number): string => around(parts.slice(0, count).join(""));
    files.set(`a mebibyte of ${what}`, make(parts.length));
    files.set(`as many ${what} as there may be`, make(mostOf(parts.length, (count) => excessOf(make(count), boundsOf("")) === undefined)));
  }
  for (const [what, [unit, around]] of Object.entries(LONG)) {
    const make = (count: number): string => around(unit.repeat(count));
    files.set(`a mebibyte of ${what}`, make(Math.floor((MIB - 200) / unit.length)));
    files.set(`${what}, as long as it may be`, make(mostOf(MIB, (count) => excessOf(make(count), boundsOf("")) === undefined)));
  }
  return files;
}

/** The largest count up to `most` that fits. */
function mostOf(most: number, fits: (count: number) => boolean): number {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
