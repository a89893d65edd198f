// validate.js: reads the YAML of Kubernetes objects from standard input, and checks each against the JSON Schema that Kubernetes (or the Prometheus operator) publishes for its kind.
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';

const packageOf = (apiVersion) => (apiVersion.startsWith('monitoring.coreos.com/') ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models');
const objects = parseAllDocuments(readFileSync(0, 'utf8')).map((document) => document.toJS()).filter(Boolean);
const problems = [];
for (const object of objects) {
    const name = `${object.kind} ${object.metadata?.name}`;
    const models = await import(`${packageOf(object.apiVersion)}/${object.apiVersion}`);
    const Model = models[object.kind];
    if (!Model) {
        problems.push(`${name}: ${object.apiVersion} has no such kind`);
        continue;
    }
    try {
        new Model(object).validate();
    } catch (error) {
        problems.push(`${name}: ${error.message}`);
    }
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log(`${objects.length} objects follow their schemas`);
