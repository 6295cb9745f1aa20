// node build.js FOLDER: each console becomes one script and one style sheet.
import { build } from "esbuild";

await build({
  entryPoints: ["admin.js", "account.js"],
  outdir: process.argv[2],
  bundle: true,
  minify: true,
  format: "esm",
  target: "chrome120",
  logLevel: "error",
  define: { "process.env.NODE_ENV": '"production"' },
  loader: { ".svg": "empty", ".png": "empty", ".jpg": "empty", ".woff": "empty", ".woff2": "empty", ".ttf": "empty", ".eot": "empty" },
});
