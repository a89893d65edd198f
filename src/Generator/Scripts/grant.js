/* Stands for one permission of a destination while the client holds its element. */
window[Symbol.for("consent-snapshots/1")]?.grant();
