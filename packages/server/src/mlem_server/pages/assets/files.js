// Files as calls: dropped anywhere on the page, or chosen.

const TABLES = { csv: "text/csv", jsonl: "application/jsonlines", parquet: "application/vnd.apache.parquet" };
const IN_TABLES = ["dataframe", "series", "ndarray", "polars", "sparse", "list", "structured", "dmatrix", "torch_tensor", "tf_tensor", "unspecified"];

// What a method takes as a file: media types by extensions; null where it has several arguments, or none for files.
export function accepted(method) {
  const required = method.args.filter((argument) => argument.required);
  if (required.length !== 1) return null;
  const [{ data_type: type }] = required;
  if (type.type === "image") return { png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", webp: "image/webp", gif: "image/gif", bmp: "image/bmp", tiff: "image/tiff" };
  if (type.type === "primitive" && type.ptype === "bytes") return { "": "application/octet-stream" };
  return IN_TABLES.includes(type.type) ? TABLES : null;
}

export const named = (kinds) => Object.keys(kinds).filter(Boolean).map((kind) => kind.toUpperCase()).join(", ") || "any";

export function mediaTypeOf(file, kinds) {
  const extension = file.name.toLowerCase().split(".").pop();
  const found = kinds[extension] ?? kinds[""];
  if (!found) throw new Error(`${file.name} is not one of the files that this method takes: ${named(kinds)}`);
  return found;
}

// Have files that are dropped on a place taken.
export function onDrop(place, take) {
  let inside = 0;
  const stop = (event) => { event.preventDefault(); };
  place.addEventListener("dragover", stop);
  place.addEventListener("dragenter", (event) => { stop(event); inside += 1; place.classList.add("dropping"); });
  place.addEventListener("dragleave", () => { inside -= 1; if (inside <= 0) place.classList.remove("dropping"); });
  place.addEventListener("drop", (event) => {
    stop(event);
    inside = 0;
    place.classList.remove("dropping");
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
}

export function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
