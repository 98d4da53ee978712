// What both ends of a measured connection do alike, load.c and origin.c: frames are taken out of what came, heads and what waits are written, and the other
// end's settings, pings and credit are heeded. Apart from wire.h, which knows bytes and no sockets.
#ifndef CONNECTION_H
#define CONNECTION_H
#include "wire.h"
#include <sys/epoll.h>
#include <sys/socket.h>

// Bytes of a message of gRPC with its head.
#define MESSAGE 69

// First in the struct of either end: epoll knows a connection by its address.
struct wire {
  int fd, writing;
  // begun: heads have been sent, so that their fields are in the other end's table; tableless: it has none; resized: it has been told that we know.
  int begun, tableless, resized;
  uint8_t in[65536];
  size_t have;
  struct bytes out;
  int64_t window, taken;
};

struct frame {
  int type, flags;
  uint32_t id;
  const uint8_t *at;
  size_t length;
};

// The frame at `at`, which moves past it. → 0: it has not come whole, -1: it is none.
static inline int next_frame(const struct wire *w, size_t *at, struct frame *f) {
  const uint8_t *head = w->in + *at;
  size_t left = w->have - *at;
  if (left < FRAME_HEAD) return 0;
  size_t length = head[0] << 16 | head[1] << 8 | head[2];
  if (length > LARGEST_FRAME) return -1;
  if (left < FRAME_HEAD + length) return 0;
  *f = (struct frame){head[3], head[4], get32(head + 5) & LARGEST_WINDOW, head + FRAME_HEAD, length};
  *at += FRAME_HEAD + length;
  return 1;
}

// All before `at` has been read.
static inline void drop(struct wire *w, size_t at) {
  memmove(w->in, w->in + at, w->have - at);
  w->have -= at;
}

static inline void put_head(struct wire *w, const struct head *h, int flags, uint32_t id) {
  const uint8_t *block = w->tableless ? h->plain : w->begun ? h->later : h->first;
  size_t length = w->tableless ? h->plain_length : w->begun ? h->later_length : h->first_length;
  int resized = w->tableless && !w->resized;
  w->resized = w->tableless;
  put_frame(&w->out, length + resized, HEADERS, END_HEADERS | flags, id);
  if (resized) *more(&w->out, 1) = 0x20;
  put(&w->out, block, length);
}

// Of DATA: bodies are taken without limits.
static inline void give_credit(struct wire *w, size_t length) {
  w->taken += length;
  if (w->taken <= LARGEST_WINDOW / 2) return;
  put_credit(&w->out, 0, w->taken);
  w->taken = 0;
}

// Of SETTINGS. smallest: the window that a body of ours needs.
static inline void heed_settings(struct wire *w, const struct frame *f, size_t smallest) {
  for (const uint8_t *at = f->at; at + 6 <= f->at + f->length; at += 6) {
    if (at[0]) continue;
    uint32_t value = get32(at + 2);
    if (at[1] == 1 && value < 4096) w->tableless = 1;
    if (at[1] == 4 && value < smallest) fail("a window that is smaller than a body");
  }
  put_frame(&w->out, 0, SETTINGS, ACK, 0);
}

static inline void answer_ping(struct wire *w, const struct frame *f) {
  if (f->flags & ACK) return;
  put_frame(&w->out, 8, PING, ACK, 0);
  put(&w->out, f->at, 8);
}

// Writes what waits, by write: that of the connection. The rest goes when there is room.
static inline void flush_by(struct wire *w, int queue, ssize_t (*write)(struct wire *, const uint8_t *, size_t)) {
  while (w->out.sent < w->out.have) {
    ssize_t sent = write(w, w->out.at + w->out.sent, w->out.have - w->out.sent);
    if (sent <= 0) break;
    w->out.sent += sent;
  }
  int writing = w->out.sent < w->out.have;
  if (writing == w->writing) return;
  w->writing = writing;
  epoll_ctl(queue, EPOLL_CTL_MOD, w->fd, &(struct epoll_event){EPOLLIN | (writing ? EPOLLOUT : 0), {.ptr = w}});
}
#endif
