import js from "@eslint/js";
import globals from "globals";

const hidden =
  "An element's name can hide it (an <img name=\"head\">, say). Take the function or getter of Document.prototype, and call it on the document: Document.prototype.createElement.call(document, …).";
const text = "A page script parses no text as code or markup. Make elements with createElement, and let data-config say what varies.";
const newer = "A page script is JavaScript up to ES2021: a visitor's browser may not have it.";

// A property by any of the ways to name it: x.innerHTML, x["innerHTML"], const { innerHTML } = x.
const never = (message, ...names) => names.map(property => ({ property, message }));

export default [
  { ignores: ["tests/browser/dist/"] },
  js.configs.recommended,
  { linterOptions: { noInlineConfig: true } },
  {
    name: "page scripts",
    files: ["src/Generator/**/*.js"],
    languageOptions: {
      ecmaVersion: 2021,
      sourceType: "script",
      // What a script names without `window.`: a window's own properties, which no element's name hides.
      globals: Object.fromEntries(
        ["AbortController", "console", "document", "Document", "Event", "fetch", "HTMLScriptElement", "location", "MutationObserver", "Node", "Request", "setTimeout", "URL", "window"].map(name => [name, "readonly"]),
      ),
    },
    rules: {
      eqeqeq: "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-script-url": "error",
      // An inline script's own names would be the page's.
      "no-implicit-globals": ["error", { lexicalBindings: true }],
      "no-var": "error",
      "prefer-const": "error",
      "no-restricted-properties": [
        "error",
        ...never(text, "createContextualFragment", "innerHTML", "insertAdjacentHTML", "outerHTML", "parseFromString", "setHTMLUnsafe", "srcdoc", "write", "writeln"),
        ...never(hidden, "document"),
        { object: "Object", property: "hasOwn", message: newer },
      ],
      "no-restricted-syntax": [
        "error",
        {
          // The one way to use the document: as what a function is called on.
          selector: "Identifier[name='document']:not(MemberExpression > .property):not(CallExpression[callee.property.name='call'] > .arguments:first-child)",
          message: hidden,
        },
        { selector: "CallExpression[callee.property.name=/^(at|findLast|findLastIndex|groupBy|isWellFormed|toReversed|toSorted|toSpliced|toWellFormed|withResolvers)$/]", message: newer },
      ],
    },
  },
  {
    name: "scripts of the tests' pages",
    files: ["tests/browser/*.js"],
    languageOptions: { sourceType: "script", globals: { ...globals.browser, c15t: "readonly", c15tScripts: "readonly" } },
  },
  {
    name: "what makes them",
    files: ["tests/browser/{build,bundle,entry,eslint.config,lint}.js"],
    languageOptions: { sourceType: "module", globals: globals.nodeBuiltin },
  },
];
