// Memory for packets that many connections send alike. Packets are laid end to end in pages; a page is never written
// again behind its end, so outputs may refer to ranges of it until the kernel has them. Full pages are left to the
// garbage collector: who still needs one holds it.

const PAGE_BYTES = 256 * 1024;

/** The page being filled. One per process. */
export class SharedPages {
  page: Buffer = Buffer.allocUnsafeSlow(PAGE_BYTES);
  position = 0;

  /** A page with room for `sizeBytes` at {@link position}. */
  reserve(sizeBytes: number): Buffer {
    if (this.position + sizeBytes > this.page.length) {
      this.page = Buffer.allocUnsafeSlow(Math.max(PAGE_BYTES, sizeBytes));
      this.position = 0;
    }
    return this.page;
  }

  /** Ends the packet begun at the position before; returns where it starts. */
  advance(position: number): number {
    const start = this.position;
    this.position = position;
    return start;
  }
}
