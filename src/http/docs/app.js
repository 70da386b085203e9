// Draws what stands behind each operation of the page from openapi.json. Nothing is asked of any other server, and all
// text goes into the page as text.
"use strict";

const make = (tag, attributes = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
};

// What stands between backticks is code.
const prose = (text = "") => text.split("`").map((part, n) => (n % 2 ? make("code", {}, part) : part));

const draw = (api) => {
  const resolve = (thing) => {
    while (thing && thing.$ref) thing = thing.$ref.slice(2).split("/").reduce((at, key) => at[key], api);
    return thing ?? {};
  };

  // Of a choice with null, the other one.
  const chosen = (schema) => {
    const options = schema.oneOf ?? schema.anyOf;
    const real = options?.filter((option) => option.type !== "null");
    if (real?.length !== 1) return schema;
    const { $ref, ...said } = real[0];
    return { ...resolve(real[0]), ...said, nullable: true };
  };

  const kind = (schema) => {
    const types = [schema.type].flat().filter(Boolean);
    const words = types.map((type) => (type === "array" ? "list of " + kind(chosen(resolve(schema.items))) : type));
    if (schema.nullable && !words.includes("null")) words.push("null");
    if (schema.oneOf || schema.anyOf) words.push("one of these");
    return words.join(" or ") || "any";
  };

  const bounds = (schema) => {
    const out = [];
    const range = (low, high, what) => {
      if (low !== undefined && high !== undefined) out.push(`${low} to ${high}${what}`);
      else if (low !== undefined) out.push(`at least ${low}${what}`);
      else if (high !== undefined) out.push(`at most ${high}${what}`);
    };
    if (schema.format) out.push(schema.format);
    range(schema.minimum, schema.maximum, "");
    range(schema.minLength, schema.maxLength, " characters");
    range(schema.minItems, schema.maxItems, " items");
    if (schema.enum) out.push(schema.enum.map((word) => JSON.stringify(word)).join(" | "));
    if (schema.default !== undefined) out.push("default " + JSON.stringify(schema.default));
    return out.join(", ");
  };

  const member = (name, given, must, depth) => {
    const own = resolve(given);
    const schema = chosen(own);
    return make("li", {},
      make("code", {}, name), " ",
      make("span", { className: "kind" }, kind(schema)), " ",
      must ? make("span", { className: "must" }, "required ") : null,
      make("span", { className: "bound" }, bounds(schema)),
      make("p", { className: "says" }, prose(given.description ?? own.description ?? schema.description)),
      schema.pattern && schema.pattern.length < 60 ? make("code", {}, schema.pattern) : null,
      members(schema.type === "array" ? chosen(resolve(schema.items)) : schema, depth + 1));
  };

  const members = (schema, depth = 0) => {
    if (depth > 4) return null;
    if (schema.oneOf || schema.anyOf) {
      return make("ul", { className: "members" }, (schema.oneOf ?? schema.anyOf).map((one) =>
        make("li", {}, make("span", { className: "kind" }, one.$ref?.split("/").pop() ?? kind(one)),
          make("p", { className: "says" }, prose(resolve(one).description)), members(resolve(one), depth + 1))));
    }
    if (!schema.properties) return null;
    const required = schema.required ?? [];
    const names = Object.keys(schema.properties).sort((a, b) => required.includes(b) - required.includes(a));
    return make("ul", { className: "members" },
      names.map((name) => member(name, schema.properties[name], required.includes(name), depth)));
  };

  const copied = (text) => {
    const button = make("button", { type: "button" }, "Copy");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1200);
    });
    return make("div", { className: "copied" }, make("pre", {}, text), button);
  };

  const shown = (example) => (typeof example === "string" ? example : JSON.stringify(example, null, 2));

  const curl = (path, method, operation) => {
    // Below the page's own place: a proxy may have put a prefix before it.
    const root = new URL(".", location.href).href.replace(/\/$/, "");
    const lines = [`curl -X ${method.toUpperCase()} '${root}${path}'`];
    if ((operation.security ?? api.security).length > 0) lines.push('-H "Authorization: Bearer $MCPCHAT_TOKEN"');
    const body = operation.requestBody?.content?.["application/json"];
    if (body) lines.push("-H 'Content-Type: application/json'", `-d '${JSON.stringify(body.example).replaceAll("'", "'\\''")}'`);
    return lines.join(" \\\n  ");
  };

  const content = (holder) => Object.entries(holder.content ?? {}).flatMap(([type, media]) => {
    const schema = resolve(media.schema);
    const inner = resolve(schema.contentSchema ?? schema);
    return [make("p", { className: "kind" }, type), make("p", { className: "says" }, prose(schema.description)),
      members(inner.type === "array" ? resolve(inner.items) : inner), make("pre", {}, shown(media.example))];
  });

  const response = ([status, given]) => {
    const answer = resolve(given);
    const line = make("summary", {}, make("span", { className: "status" }, status), make("span", {}, prose(answer.description)));
    return make("details", {}, line, content(answer));
  };

  const open = (holder) => {
    const { path, method } = holder.dataset;
    const operation = api.paths[path][method];
    const parameters = (operation.parameters ?? []).map(resolve);
    const heading = (text) => make("h3", {}, text);
    const open_to_all = (operation.security ?? api.security).length === 0;
    holder.append(...[
      open_to_all ? make("p", { className: "kind" }, "Needs no login.") : null,
      heading("Try it"), copied(curl(path, method, operation)),
      heading("Parameters"),
      make("ul", { className: "members" }, parameters.map((one) =>
        member(`${one.name} (${one.in})`, { ...resolve(one.schema), description: one.description }, one.required, 3))),
      ...(operation.requestBody ? [heading("Request body"), ...content(resolve(operation.requestBody))] : []),
      heading("Responses"), ...Object.entries(operation.responses).map(response),
    ].filter(Boolean).flat().filter(Boolean));
  };

  const operations = [...document.querySelectorAll("main section > details")];
  for (const holder of operations) holder.addEventListener("toggle", () => open(holder), { once: true });

  const filter = document.getElementById("filter");
  filter.hidden = false;
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    for (const holder of operations) holder.hidden = !words.every((word) => holder.textContent.toLowerCase().includes(word));
    for (const section of document.querySelectorAll("main section")) {
      section.hidden = !section.querySelector(":scope > details:not([hidden])");
    }
  });

  const about = document.getElementById("about");
  for (const paragraph of api.info.description.split("\n\n")) about.before(make("p", {}, prose(paragraph)));
  const wanted = location.hash && document.getElementById(location.hash.slice(1));
  if (wanted instanceof HTMLDetailsElement) wanted.open = true;
};

fetch("api/v1/openapi.json").then((answer) => answer.json()).then(draw);
