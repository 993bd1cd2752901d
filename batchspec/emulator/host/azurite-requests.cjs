// Loaded before Azurite, whose answers stay the same: a small request takes half the time.
"use strict";

const { subscribe } = require("node:diagnostics_channel");
const fs = require("node:fs");
const path = require("node:path");

const azurite = path.dirname(process.argv[1]);
const theirs = (name) => require(require.resolve(name, { paths: [azurite] }));

// Which operation a request is, is found by trying the path's pattern against each operation's template, parsed each
// time: a third of what a small request takes. There are three patterns (account, container, blob) and few templates.
const matching = theirs("./generated/utils/utils");
const match = matching.isURITemplateMatch;
const matches = new Map();

matching.isURITemplateMatch = (pattern, template) => {
  const pair = `${pattern} ${template}`;
  if (!matches.has(pair)) matches.set(pair, match(pattern, template));
  return matches.get(pair);
};

// The query of a request is asked for some forty times, and was parsed as often.
const request = theirs("express/lib/request");
const { get: parsed } = Object.getOwnPropertyDescriptor(request, "query");

Object.defineProperty(request, "query", {
  get() {
    const value = parsed.call(this);
    Object.defineProperty(this, "query", { value });
    return value;
  },
});

// Each blob was written through to the disk by itself, though a power cut loses what the database has not saved yet,
// which it does every five seconds. So it is enough that the contents are on the disk before the database that names
// them, and before their file is closed.
const { LokiFsAdapter } = theirs("lokijs");
const { close, fdatasync } = fs;
const saveDatabase = LokiFsAdapter.prototype.saveDatabase;
const unsynced = new Set();
let synced = Promise.resolve(); // both of its databases wait for what either has begun

fs.fdatasync = (file, done) => {
  unsynced.add(file);
  process.nextTick(done, null);
};

fs.close = (file, done) =>
  unsynced.delete(file) ? fdatasync(file, () => close(file, done)) : close(file, done);

function syncAll() {
  const files = [...unsynced];
  unsynced.clear();
  return Promise.all(files.map((file) => new Promise((resolve) => fdatasync(file, resolve))));
}

LokiFsAdapter.prototype.saveDatabase = function (name, text, done) {
  synced = synced.then(syncAll);
  synced.then(() => saveDatabase.call(this, name, text, done));
};

// Of its log of requests, which is off, only one thing is asked: whether there were any in the last second or two.
let told = 0;

subscribe("http.server.request.start", () => {
  if (Date.now() - told < 500) return;
  told = Date.now();
  process.stdout.write("asked\n");
});
