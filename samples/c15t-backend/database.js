// SQLite in a file, compiled to WebAssembly: nothing to install beside this sample. Put your own Kysely dialect in its place, PostgresDialect for example.
import { rmSync } from "node:fs";
import { Kysely, SqliteDialect } from "kysely";
import sqlite from "node-sqlite3-wasm";

/**
 * @param {string} file its path; `:memory:` forgets everything at the end
 * @returns {Kysely<any>}
 */
export function openDatabase(file) {
  // The library locks a file with a folder beside it, which a killed process leaves behind. One process at a time has this file.
  if (file !== ":memory:") rmSync(`${file}.lock`, { recursive: true, force: true });
  const connection = new sqlite.Database(file);
  return new Kysely({ dialect: new SqliteDialect({ database: { prepare: sql => prepare(connection, sql), close: () => connection.close() } }) });
}

// What Kysely asks of a SQLite driver.
function prepare(connection, sql) {
  return {
    reader: /^\s*(select|with|pragma)\b|\breturning\b/i.test(sql),
    all: parameters => connection.all(sql, parameters),
    run: parameters => {
      const { changes, lastInsertRowId } = connection.run(sql, parameters);
      return { changes, lastInsertRowid: lastInsertRowId };
    },
  };
}
