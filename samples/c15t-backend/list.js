// The gated list of one scope, taken from an edge or a CDN as the configuration of this backend, and kept fresh.
import { consentOf } from "./consent.js";

const timeout = 10_000;

/** Follows a gated list: the last good one stays in force, whatever happens to the edge. */
export class List {
  #url;
  #interval;
  #log;
  #etag;
  #problem;
  #timer;

  /** The metadata of the list in force; undefined until the first list has arrived. */
  metadata;

  /** The answer for each of the 16 consent sets, by its index. */
  answers;

  /**
   * @param {string} url where the list is: `https://edge.example/v1/acme/production/scripts.json`, or its public URL on a CDN
   * @param {number} interval pause between two looks, in milliseconds
   * @param {(message: string) => void} log
   */
  constructor(url, interval, log = console.log) {
    this.#url = url;
    this.#interval = interval;
    this.#log = log;
  }

  /** Reads the list now, and then again and again until `stop`. */
  async follow() {
    await this.#refresh();
    // Many backends that were started together must not ask together for ever.
    this.#timer = setTimeout(() => this.follow(), this.#interval * (0.8 + 0.4 * Math.random()));
    this.#timer.unref();
  }

  stop() {
    clearTimeout(this.#timer);
  }

  async #refresh() {
    try {
      const headers = this.#etag ? { "If-None-Match": this.#etag } : {};
      const response = await fetch(this.#url, { headers, signal: AbortSignal.timeout(timeout) });
      if (response.status !== 304) {
        if (!response.ok) throw new Error(`it answered ${response.status}`);
        this.#apply(await response.json());
        // Remembered only now: an ETag whose body was not applied would keep the old list for ever.
        this.#etag = response.headers.get("ETag");
      }
      if (this.#problem) this.#log(`The list at ${this.#url} can be read again.`);
      this.#problem = undefined;
    } catch (error) {
      const problem = error instanceof SyntaxError ? "what it answered is not JSON" : (error.cause?.code ?? error.message);
      if (problem !== this.#problem) this.#log(`The list at ${this.#url} cannot be read: ${problem}. ${this.#inForce()}`);
      this.#problem = problem;
    }
  }

  #inForce() {
    return this.metadata ? `Version ${this.metadata.version} stays in force.` : "There is none yet, so /analytics/scripts answers 503.";
  }

  #apply(list) {
    const { scripts, metadata } = list ?? {};
    if (!isList(scripts, metadata)) throw new Error("what it answered is not a gated list");
    if (this.metadata) {
      const { organization, environment, generatedAt } = this.metadata;
      if (metadata.organization !== organization || metadata.environment !== environment) throw new Error("it now has the list of another scope");
      // A cache or another edge may be behind. A version counts up, but begins again where a store and its history were lost; times only move forward.
      if (Date.parse(metadata.generatedAt) < Date.parse(generatedAt)) throw new Error(`it has version ${metadata.version}, which is older`);
    }
    this.metadata = metadata;
    this.answers = metadata.combinations.map((indexes, set) => answerOf(list, indexes, set));
    this.#log(`Version ${metadata.version} of ${metadata.organization}/${metadata.environment} is in force: ${scripts.length} scripts.`);
  }
}

function answerOf({ scripts, metadata }, indexes, set) {
  const { generatedAt, version, snapshot, requiredCategories } = metadata;
  return {
    scripts: indexes.map(index => scripts[index]),
    metadata: {
      generatedAt,
      consent: consentOf(set),
      // The list has the number of destinations of the whole scope only.
      destinationCount: indexes.length === scripts.length ? metadata.destinationCount : null,
      scriptCount: indexes.length,
      cached: true,
      version,
      snapshot,
      requiredCategories,
    },
  };
}

function isList(scripts, metadata) {
  const isIndex = index => Number.isInteger(index) && index >= 0 && index < scripts.length;
  return (
    Array.isArray(scripts) &&
    scripts.every(script => typeof script?.id === "string") &&
    metadata?.schema === 2 &&
    Number.isSafeInteger(metadata.version) &&
    typeof metadata.snapshot === "string" &&
    !Number.isNaN(Date.parse(metadata.generatedAt)) &&
    Array.isArray(metadata.requiredCategories) &&
    Array.isArray(metadata.combinations) &&
    metadata.combinations.length === 16 &&
    metadata.combinations.every(indexes => Array.isArray(indexes) && indexes.every(isIndex))
  );
}
