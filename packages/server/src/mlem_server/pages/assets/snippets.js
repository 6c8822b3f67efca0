// The call that the form shows, in words of a shell or a program. A token is never written, only where it is kept.

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export const snippets = {
  curl: (url, values, secured) => {
    const secret = secured ? ' -H "Authorization: Bearer $MLEM_TOKEN"' : "";
    return `curl ${quoted(url)}${secret} -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(values))}`;
  },
  python: (url, values, secured) => `import json
${secured ? "import os\n" : ""}import urllib.request

body = ${python(values)}
headers = {"Content-Type": "application/json"${secured ? ', "Authorization": "Bearer " + os.environ["MLEM_TOKEN"]' : ""}, "Accept": "application/json"}
request = urllib.request.Request(${JSON.stringify(url)}, json.dumps(body).encode(), headers)
with urllib.request.urlopen(request) as reply:
    print(json.load(reply))`,
  javascript: (url, values, secured) => `const reply = await fetch(${JSON.stringify(url)}, {
  method: "POST",
  headers: { "Content-Type": "application/json"${secured ? ", Authorization: `Bearer ${process.env.MLEM_TOKEN}`" : ""}, Accept: "application/json" },
  body: JSON.stringify(${JSON.stringify(values)}),
});
console.log(await reply.json());`,
};

function python(value) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${python(item)}`).join(", ")}}`;
  return JSON.stringify(value);
}
