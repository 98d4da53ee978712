// What the load (load.c) and the origin (origin.c) of the benchmarks share of HTTP/2: frames, buffers, and header compression (RFC 9113, RFC 7541).
// Written for speed of measurement: it checks what it counts, and is no implementation for anything else.
#ifndef WIRE_H
#define WIRE_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION };
enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4, PADDED = 8, HAS_PRIORITY = 32 };
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define FRAME_HEAD 9
#define LARGEST_FRAME 16384
#define LARGEST_WINDOW 0x7fffffff
#define FIRST_WINDOW 65535

static inline void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

// Bytes that wait to be written.
struct bytes {
  uint8_t *at;
  size_t sent, have, room;
};

static inline uint8_t *more(struct bytes *b, size_t length) {
  if (b->sent == b->have) b->sent = b->have = 0;
  if (b->have + length > b->room) {
    b->room = (b->have + length) * 2;
    b->at = realloc(b->at, b->room);
    if (!b->at) fail("no memory");
  }
  uint8_t *at = b->at + b->have;
  b->have += length;
  return at;
}

static inline void put(struct bytes *b, const void *from, size_t length) { memcpy(more(b, length), from, length); }

static inline void put32(uint8_t *at, uint32_t value) {
  at[0] = value >> 24, at[1] = value >> 16, at[2] = value >> 8, at[3] = value;
}

static inline uint32_t get32(const uint8_t *at) { return (uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3]; }

static inline void put_frame(struct bytes *b, size_t length, int type, int flags, uint32_t stream) {
  uint8_t *at = more(b, FRAME_HEAD);
  at[0] = length >> 16, at[1] = length >> 8, at[2] = length, at[3] = type, at[4] = flags;
  put32(at + 5, stream);
}

static inline void put_credit(struct bytes *b, uint32_t stream, uint32_t bytes) {
  put_frame(b, 4, WINDOW_UPDATE, 0, stream);
  put32(more(b, 4), bytes);
}

// Both sides take bodies without limits: what is measured is between them.
static inline void put_settings(struct bytes *b) {
  static const uint8_t settings[] = {0, 2, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff};
  put_frame(b, sizeof settings, SETTINGS, 0, 0);
  put(b, settings, sizeof settings);
  put_credit(b, 0, LARGEST_WINDOW - FIRST_WINDOW);
}

// A head that is sent again and again, as an encoder with a table writes it: the first time on a connection, every other time, and for a peer without a table.
struct head {
  uint8_t first[512], later[512], plain[512];
  size_t first_length, later_length, plain_length;
  int added;
  uint8_t slots[32];
  int fields;
};

static inline void add_text(uint8_t *to, size_t *at, const char *text) {
  size_t length = strlen(text);
  if (length > 126) fail("a field that is too long");
  to[(*at)++] = length;
  memcpy(to + *at, text, length);
  *at += length;
}

// A field that is in the static table whole.
static inline void add_static(struct head *h, int index) {
  h->first[h->first_length++] = 0x80 | index;
  h->plain[h->plain_length++] = 0x80 | index;
  h->slots[h->fields++] = 0x80 | index;
}

// index: of its name in the static table, or 0.
static inline void add_field(struct head *h, int index, const char *name, const char *value) {
  h->first[h->first_length++] = 0x40 | index;
  h->plain[h->plain_length++] = index < 15 ? index : 15;
  if (index >= 15) h->plain[h->plain_length++] = index - 15;
  if (index == 0) add_text(h->first, &h->first_length, name), add_text(h->plain, &h->plain_length, name);
  add_text(h->first, &h->first_length, value), add_text(h->plain, &h->plain_length, value);
  h->slots[h->fields++] = h->added++;
}

// before: entries that other heads of the connection put into the table after this one's.
static inline void end_head(struct head *h, int newer) {
  for (int at = 0; at < h->fields; at++)
    h->later[h->later_length++] = h->slots[at] & 0x80 ? h->slots[at] : 0x80 | (62 + h->added - 1 - h->slots[at] + newer);
}

// === Decoding: what matters is told, the table is kept for the sake of what comes after.

static const uint8_t code_lengths[257] = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, 6,  10, 10, 12, 13,
    6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,  5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8,  15, 6,  12, 10, 13, 6,  7,  7,  7,  7,  7,  7,  7,  7,
    7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8,  13, 19, 13, 14, 6,  15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,
    5,  6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23,
    24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27,
    27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30};

// The code as a tree: [node][bit] is the next node, or -1 - symbol.
static int16_t tree[512][2];

static inline void build_tree(void) {
  uint32_t code = 0;
  int nodes = 1;
  for (int length = 1; length <= 30; length++, code <<= 1)
    for (int symbol = 0; symbol < 257; symbol++) {
      if (code_lengths[symbol] != length) continue;
      int node = 0;
      for (int bit = length - 1; bit > 0; bit--) {
        int side = code >> bit & 1;
        if (!tree[node][side]) tree[node][side] = nodes++;
        node = tree[node][side];
      }
      tree[node][code & 1] = -1 - symbol;
      code++;
    }
}

// Of a name or value as much as is compared; length: of the whole.
struct text {
  size_t length;
  char head[28];
};

struct entry {
  struct text name, value;
};

struct table {
  struct entry entries[128];
  unsigned added, gone;
  size_t bytes, most;
};

static inline int is(const struct text *t, const char *word) { return t->length == strlen(word) && !memcmp(t->head, word, t->length); }

static inline uint64_t number(const uint8_t **at, const uint8_t *end, int bits) {
  uint64_t mask = (1 << bits) - 1, value = *(*at)++ & mask;
  if (value < mask) return value;
  for (int shift = 0; *at < end && shift < 28; shift += 7) {
    uint8_t byte = *(*at)++;
    value += (uint64_t)(byte & 127) << shift;
    if (byte < 128) return value;
  }
  fail("a number without an end");
  return 0;
}

static inline void read_text(const uint8_t **at, const uint8_t *end, struct text *to) {
  if (*at >= end) fail("a header block that breaks off");
  int coded = **at & 128;
  size_t length = number(at, end, 7);
  if (length > (size_t)(end - *at)) fail("a header block that breaks off");
  const uint8_t *from = *at;
  *at += length;
  if (!coded) {
    to->length = length;
    memcpy(to->head, from, length < sizeof to->head ? length : sizeof to->head);
    return;
  }
  size_t count = 0;
  int node = 0;
  for (const uint8_t *byte = from; byte < *at; byte++)
    for (int bit = 7; bit >= 0; bit--) {
      node = tree[node][*byte >> bit & 1];
      if (node >= 0) continue;
      if (count < sizeof to->head) to->head[count] = -1 - node;
      count++;
      node = 0;
    }
  to->length = count;
}

static inline void evict(struct table *t, size_t room) {
  while (t->bytes > room) {
    struct entry *old = &t->entries[t->gone++ % 128];
    t->bytes -= old->name.length + old->value.length + 32;
  }
}

// Reads a block. → status 200 (bit 0), grpc-status 0 (bit 1).
static inline int read_block(struct table *t, const uint8_t *at, const uint8_t *end) {
  int found = 0;
  while (at < end) {
    uint8_t byte = *at;
    if (byte >= 0x20 && byte < 0x40) {
      t->most = number(&at, end, 5);
      evict(t, t->most);
      continue;
    }
    struct entry field;
    int kept = byte >= 0x40 && byte < 0x80;
    uint64_t index = number(&at, end, byte >= 0x80 ? 7 : kept ? 6 : 4);
    const struct entry *known = NULL;
    if (index > 61) {
      if (index - 61 > t->added - t->gone) fail("an index that is in no table");
      known = &t->entries[(t->added - (index - 61)) % 128];
    }
    if (byte >= 0x80) {
      if (index == 8) found |= 1;
      if (!known) continue;
      field = *known;
    } else {
      if (index == 0) read_text(&at, end, &field.name);
      else if (known) field.name = known->name;
      else {
        // Of the static table only one name is of interest.
        static const uint8_t lengths[62] = {0,  10, 7,  7, 5,  5,  7,  7,  7, 7,  7,  7, 7,  7,  7,  14, 15, 15, 13, 6, 27, 3, 5, 13, 13, 19, 16, 16, 14, 16, 13,
                                            12, 6,  4,  4, 6,  7,  4,  4, 8,  17, 13, 8, 19, 13, 4,  8,  12, 18, 19, 5, 7, 11, 6, 10, 25, 17, 10, 4,  3,  16, 16};
        field.name.length = lengths[index];
        memset(field.name.head, 0, sizeof field.name.head);
        if (index >= 8 && index <= 14) memcpy(field.name.head, ":status", 7);
      }
      read_text(&at, end, &field.value);
      if (kept) {
        size_t bytes = field.name.length + field.value.length + 32;
        evict(t, bytes > t->most ? 0 : t->most - bytes);
        if (bytes <= t->most) t->entries[t->added++ % 128] = field, t->bytes += bytes;
      }
    }
    if (is(&field.name, ":status") && is(&field.value, "200")) found |= 1;
    if (is(&field.name, "grpc-status") && is(&field.value, "0")) found |= 2;
  }
  return found;
}
#endif
