// Lints the scripts that run on pages, and the browser tests' own: `npm run lint`. It writes a line for each thing that is wrong, and nothing else.
// With the path of such a script it lints what standard input has, as if that were the script.
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { ESLint } from "eslint";

const root = fileURLToPath(new URL("../..", import.meta.url));
const linter = new ESLint({ cwd: root, overrideConfigFile: "tests/browser/eslint.config.js" });
const [, , filePath] = process.argv;
const results = filePath
  ? await linter.lintText(await text(process.stdin), { filePath })
  : await linter.lintFiles(["src/Generator/Scripts", "src/Generator/Destinations", "src/Generator/Formats", "tests/browser"]);
for (const { filePath, messages } of results)
  for (const { line, column, message, ruleId } of messages) {
    console.log(`${filePath.replace(root, "")}:${line}:${column}: ${message} (${ruleId ?? "syntax"})`);
    process.exitCode = 1;
  }
