// Reads a JSON list of texts from standard input and writes the list of the most confident languages; "none" where the
// package gives none.
const { ModelOperations } = require("@vscode/vscode-languagedetection");
const { readFileSync } = require("fs");

(async () => {
  const model = new ModelOperations();
  const labels = [];
  for (const text of JSON.parse(readFileSync(0, "utf8"))) {
    const [first] = await model.runModel(text);
    labels.push(first ? first.languageId : "none");
  }
  process.stdout.write(JSON.stringify(labels));
})();
