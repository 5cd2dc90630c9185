import { defineConfig } from 'vite'

// The built files are part of the Python package. Their names are fixed, so that a build changes files
// and adds none; the server sends them with an ETag.
export default defineConfig({
  base: './',
  // What all pages share lies in ie/files.
  server: { fs: { allow: ['..'] } },
  build: {
    outDir: '../ie/serve/static',
    emptyOutDir: true,
    target: 'es2022',
    // The first that know light-dark(), which is not to be spelt out for older ones.
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'],
    modulePreload: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      output: {
        entryFileNames: 'assets/page.js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: 'assets/[name][extname]',
      },
    },
  },
})
