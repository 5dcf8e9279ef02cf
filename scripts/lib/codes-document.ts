/**
 * Makes docs/CODES.md and the README's short table from shared/contract/codes.ts.
 * Pure; scripts/codes-docs.mjs writes the files, and a test fails when the files
 * and the code differ.
 */
import { CODES, type CodeMeaning, PLACES } from "../../shared/contract/codes.ts";
import { ERROR_CODES } from "../../shared/errors.ts";

const BEGIN = "<!-- codes:begin -->";
const END = "<!-- codes:end -->";

/** The whole of docs/CODES.md. */
export function codesDocument(): string {
  const rows = ERROR_CODES.map((code) => row(code, CODES[code]));
  return `# Failure codes

<!-- Made from shared/contract/codes.ts by: node --import tsx scripts/codes-docs.mjs -->

Every failure has one of these codes, the same in the state of a tunnel, in a log line, in a counter and in \`tunneld diagnose\`. A code is never
renamed or given another meaning. This file is made from \`shared/contract/codes.ts\`; don't edit it, run \`node --import tsx scripts/codes-docs.mjs\`.

The message beside a code is about the case at hand: go by it first. spiped closes without giving reasons, so some causes are guesses; those say
"probably". \`tunneld diagnose NAME\` asks further and says which it is.

The client end is the one beside the application, the server end the one beside the service.

| code | cause | cure | reported by |
|---|---|---|---|
${rows.join("\n")}
`;
}

/** The README with a new table between its marks. @throws Error when it has no such marks */
export function withCodes(readme: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`README.md lacks ${BEGIN} … ${END}`);
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${shortTable()}\n\n${readme.slice(end)}`;
}

/** One row for each place where a fault can be. */
function shortTable(): string {
  const rows = Object.entries(PLACES).map(([place, { means, first }]) => {
    const codes = ERROR_CODES.filter((code) => CODES[code].place === place);
    return `| ${codes.map((code) => `\`${code}\``).join(", ")} | ${cell(means)} | ${cell(first)} |`;
  });
  return ["| it says | and means | first |", "|---|---|---|", ...rows].join("\n");
}

function row(code: string, { cause, cure, seenBy }: CodeMeaning): string {
  return `| \`${code}\` | ${cell(cause)} | ${cell(cure)} | ${seenBy} |`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
