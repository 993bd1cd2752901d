// Loaded before Azurite, whose database answers nothing else while it goes through all blobs. Azurite asks for each blob,
// and deletes each, by a query; for a query the database uses the index of its first field alone, and that is the account,
// which all blobs have in common; and whenever a query removes documents, it builds all indexes anew. Among ten thousand
// blobs, one deletion then takes a third of a second. Here a blob's name comes first, and a document alone is taken out of
// the indexes.
"use strict";

const path = require("node:path");

const azurite = path.dirname(process.argv[1]);
const Loki = require(require.resolve("lokijs", { paths: [azurite] }));

const { Collection } = Loki;
const removeMany = Collection.prototype.removeBatchByPositions;

Collection.prototype.removeBatchByPositions = function (positions) {
  return positions.length === 1 ? this.remove(this.data[positions[0]]) : removeMany.call(this, positions);
};

const Resultset = new Collection("any").chain().constructor;
const find = Resultset.prototype.find;

Resultset.prototype.find = function (query, firstOnly) {
  return find.call(this, selectiveFirst(query), firstOnly);
};

// The same query, what few documents share first: blocks have the name of their blob, and one of their own.
function selectiveFirst(query) {
  const field = ["blobName", "name"].find((field) => typeof query?.[field] === "string");
  return field ? { [field]: query[field], ...query } : query;
}
