// What a request says about consent, read as the edge reads it: consent that cannot be understood never grants anything.

// Bit order of a consent set. `necessary` is always granted and has no bit.
const bits = { functionality: 1, experience: 2, measurement: 4, marketing: 8 };

export const categories = ["necessary", ...Object.keys(bits)];

const forms =
  'Send a JSON object of booleans ({"measurement":true}), a list (measurement,marketing), or one parameter per category (measurement=true).';

const maxLength = 2048;

/**
 * The index of the consent set that a query string grants, 0 to 15; or what is wrong with it: `{ index }` or `{ error, message }`.
 * @param {URLSearchParams} query
 */
export function readConsent(query) {
  const separate = [...query].filter(([name]) => categories.includes(name));
  const given = query.getAll("consent");
  if (given.length > 1) return malformed("The consent parameter is repeated.");
  if (given.length === 1 && separate.length > 0) return malformed("Consent is given in two forms at once.");
  if (separate.length > 0) return fromPairs(separate);
  const text = given[0]?.trim();
  if (!text) return { error: "Missing consent parameter", message: "Consent preferences are required" };
  if (text.length > maxLength) return malformed(`The consent parameter is longer than ${maxLength} characters.`);
  return /^[{["]/.test(text) ? fromJson(text) : fromList(text);
}

/** Which of the five categories a set grants. */
export const consentOf = index =>
  Object.fromEntries(categories.map(name => [name, name === "necessary" || (index & bits[name]) !== 0]));

function fromPairs(pairs) {
  if (new Set(pairs.map(([name]) => name)).size < pairs.length) return malformed("A category is given twice.");
  if (pairs.some(([, value]) => value !== "true" && value !== "false")) return malformed("A category is neither true nor false.");
  return { index: indexOf(pairs.filter(([, value]) => value === "true").map(([name]) => name)) };
}

function fromList(text) {
  const names = text.split(",").map(name => name.trim());
  if (names.some(name => !/^[A-Za-z][\w-]*$/.test(name) || /^(true|false|null)$/.test(name)))
    return malformed("The consent list has an entry that is not a category name.");
  if (new Set(names).size < names.length) return malformed("The consent list names a category twice.");
  return { index: indexOf(names) };
}

function fromJson(text) {
  let object;
  try {
    object = JSON.parse(text);
  } catch {
    return malformed("The consent parameter is not valid JSON.");
  }
  if (object === null || typeof object !== "object" || Array.isArray(object)) return malformed("The consent parameter is JSON but not an object.");
  if (Object.values(object).some(value => typeof value !== "boolean")) return malformed("The consent object has a value that is not a boolean.");
  // JSON.parse keeps the last of several equal keys and says nothing. Every value is a boolean, so every colon outside of a string ends a key.
  const keys = text.replace(/"(?:[^"\\]|\\.)*"/g, "").split(":").length - 1;
  if (keys > Object.keys(object).length) return malformed("The consent object has a key twice.");
  return { index: indexOf(Object.keys(object).filter(name => object[name])) };
}

/** The index of the set that has these categories. A name that is no category grants nothing. */
export const indexOf = granted => granted.reduce((index, name) => index | (Object.hasOwn(bits, name) ? bits[name] : 0), 0);

const malformed = problem => ({ error: "Invalid consent parameter", message: `${problem} ${forms}` });
