/** Builds the page: hashed names, nothing inlined, so that `script-src 'self'; style-src 'self'` holds as it stands. */
import { defineConfig, type Plugin } from "vite";

/** Holds the first paint until the script has chosen the colours, so that the page never flashes. */
function paintOnce(): Plugin {
  return {
    name: "paint-once",
    transformIndexHtml: {
      order: "post",
      handler: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"'),
    },
  };
}

const gateway = process.env["HARDSHELL_URL"] ?? "http://127.0.0.1:18789";

export default defineConfig({
  base: "/",
  plugins: [paintOnce()],
  build: {
    outDir: "dist",
    target: "es2022",
    // light-dark(), oklch() and nesting as they stand: every browser of the last two years reads them.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    chunkSizeWarningLimit: 700,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: false,
    reportCompressedSize: false,
    rollupOptions: {
      onwarn(warning, warn) {
        // "use client" means something to servers that render; there is none here.
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  server: { proxy: { "/api": { target: gateway, ws: true } } },
});
