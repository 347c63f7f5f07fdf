"use strict";
// Pictures as addresses that an <img> takes, loaded and decoded before anybody sees them.

const pictures = new Map(); // file → promise of an address

/** Return a promise of the address of a picture that is ready to be shown; one that failed is asked for anew. */
function picture(name) {
  if (!pictures.has(name)) {
    const address = transport.picture(name).then(async (found) => {
      const image = new Image();
      image.src = found;
      await image.decode();
      return found;
    });
    address.catch(() => pictures.delete(name));
    pictures.set(name, address);
  }
  return pictures.get(name);
}

/** Let go of all pictures but `wanted`. */
function forgetPictures(wanted) {
  for (const [name, address] of pictures) {
    if (wanted.includes(name)) continue;
    pictures.delete(name);
    address.then((found) => found.startsWith("blob:") && URL.revokeObjectURL(found)).catch(() => {});
  }
}
