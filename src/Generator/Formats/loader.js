// Takes a scope's gated list. So far it does nothing with it: what loads the list's scripts on a page without a consent client is still to come.
(function (list) {
  return list;
})
