// Loaded before Azurite. Its database builds all indexes of a collection anew whenever a query removes documents, and
// Azurite deletes each blob by a query: among ten thousand, one deletion takes a third of a second, and nothing else is
// answered meanwhile. A document alone is taken out of the indexes instead.
"use strict";

const path = require("node:path");

const azurite = path.dirname(process.argv[1]);
const { Collection } = require(require.resolve("lokijs", { paths: [azurite] }));
const removeMany = Collection.prototype.removeBatchByPositions;

Collection.prototype.removeBatchByPositions = function (positions) {
  return positions.length === 1 ? this.remove(this.data[positions[0]]) : removeMany.call(this, positions);
};
