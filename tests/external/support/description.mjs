// openapi.yaml, to hold real answers against.

import { readFile } from "node:fs/promises";

import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";

import { PROJECT } from "./processes.mjs";

/** Reads the description. `fault` says what is wrong with an answer of one of its operations. */
export async function readDescription() {
  const document = parse(await readFile(`${PROJECT}openapi.yaml`, "utf8"));
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats(ajv);
  ajv.addSchema({ $id: "openapi.yaml", ...document });

  const at = (pointer) => pointer.split("/").slice(1).reduce((place, step) => place[step], document);
  const followed = (place) => (place?.$ref ? at(place.$ref.slice(1)) : place);
  const escaped = (text) => text.replaceAll("~", "~0").replaceAll("/", "~1");

  /** The response of an operation, and where it stands in the document. */
  function described(path, method, status) {
    const response = document.paths[path]?.[method]?.responses?.[status];
    const pointer = response?.$ref?.slice(1) ?? `/paths/${escaped(path)}/${method}/responses/${status}`;
    return { response: followed(response), pointer };
  }

  function fault(path, method, { status, headers, text }) {
    const { response, pointer } = described(path, method, status);
    if (!response) return `${status} is not described`;
    for (const [name, header] of Object.entries(response.headers ?? {})) {
      if (followed(header).required && !headers.has(name)) return `${status} lacks ${name}`;
    }
    const type = headers.get("content-type")?.split(";")[0];
    if (!response.content?.[type]) return `${status} has the content type ${type}`;
    if (!type.endsWith("json")) return undefined;
    const schema = `openapi.yaml#${pointer}/content/${escaped(type)}/schema`;
    const validate = ajv.getSchema(encodeURI(schema));
    if (validate(JSON.parse(text))) return undefined;
    return `${status}: ${ajv.errorsText(validate.errors)} in ${text}`;
  }
  return { document, ajv, fault };
}
