// Answers every request of HTTP/2 in plaintext: with a body of so many bytes on one port, with one message of gRPC and trailers on the other.
// origin PORT BYTES GRPC_PORT
#define _GNU_SOURCE
#include "wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAITING 4096
#define MESSAGE 69

struct connection {
  int fd, grpc, writing, begun, tableless, resized;
  uint8_t in[65536];
  size_t have;
  struct bytes out;
  int64_t window, taken;
  uint32_t waiting[WAITING];
  unsigned first, last;
};

static struct head plain_head, grpc_head, trailers;
static uint8_t *body;
static size_t length;
static int queue;

static void put_head(struct connection *c, struct head *h, int flags, uint32_t id) {
  const uint8_t *block = c->tableless ? h->plain : c->begun ? h->later : h->first;
  size_t bytes = c->tableless ? h->plain_length : c->begun ? h->later_length : h->first_length;
  int resized = c->tableless && !c->resized;
  c->resized = c->tableless;
  put_frame(&c->out, bytes + resized, HEADERS, END_HEADERS | flags, id);
  if (resized) *more(&c->out, 1) = 0x20;
  put(&c->out, block, bytes);
}

static void answer(struct connection *c, uint32_t id) {
  size_t bytes = c->grpc ? MESSAGE : length;
  if (c->window < (int64_t)bytes) {
    if (c->last - c->first == WAITING) fail("too many streams wait");
    c->waiting[c->last++ % WAITING] = id;
    return;
  }
  c->window -= bytes;
  put_head(c, c->grpc ? &grpc_head : &plain_head, 0, id);
  put_frame(&c->out, bytes, DATA, c->grpc ? 0 : END_STREAM, id);
  put(&c->out, body, bytes);
  if (c->grpc) put_head(c, &trailers, END_STREAM, id);
  c->begun = 1;
}

static void read_settings(struct connection *c, const uint8_t *at, const uint8_t *end) {
  for (; at + 6 <= end; at += 6) {
    if (at[1] == 1 && get32(at + 2) < 4096) c->tableless = 1;
    if (at[1] == 4 && get32(at + 2) < length) fail("a window that is smaller than the answer");
  }
  put_frame(&c->out, 0, SETTINGS, ACK, 0);
}

static void read_frame(struct connection *c, int type, int flags, uint32_t id, const uint8_t *at, size_t bytes) {
  switch (type) {
    case DATA:
      c->taken += bytes;
      if (c->taken > LARGEST_WINDOW / 2) put_credit(&c->out, 0, c->taken), c->taken = 0;
      if (flags & END_STREAM) answer(c, id);
      return;
    case HEADERS:
      if (flags & END_STREAM) answer(c, id);
      return;
    case SETTINGS:
      if (!(flags & ACK)) read_settings(c, at, at + bytes);
      return;
    case PING:
      if (flags & ACK) return;
      put_frame(&c->out, 8, PING, ACK, 0);
      put(&c->out, at, 8);
      return;
    case WINDOW_UPDATE:
      if (id) return;
      c->window += get32(at) & LARGEST_WINDOW;
      for (unsigned waits = c->last - c->first; waits > 0; waits--) answer(c, c->waiting[c->first++ % WAITING]);
  }
}

// → 0: the connection is none.
static int read_frames(struct connection *c) {
  size_t at = 0;
  while (c->have - at >= FRAME_HEAD) {
    uint8_t *f = c->in + at;
    if (!memcmp(f, PREFACE, FRAME_HEAD)) {
      if (c->have - at < sizeof PREFACE - 1) break;
      at += sizeof PREFACE - 1;
      continue;
    }
    size_t bytes = f[0] << 16 | f[1] << 8 | f[2];
    if (bytes > LARGEST_FRAME) return 0;
    if (c->have - at < FRAME_HEAD + bytes) break;
    read_frame(c, f[3], f[4], get32(f + 5) & LARGEST_WINDOW, f + FRAME_HEAD, bytes);
    at += FRAME_HEAD + bytes;
  }
  memmove(c->in, c->in + at, c->have - at);
  c->have -= at;
  return 1;
}

static void flush(struct connection *c) {
  while (c->out.sent < c->out.have) {
    ssize_t sent = send(c->fd, c->out.at + c->out.sent, c->out.have - c->out.sent, MSG_NOSIGNAL);
    if (sent <= 0) break;
    c->out.sent += sent;
  }
  int writing = c->out.sent < c->out.have;
  if (writing == c->writing) return;
  c->writing = writing;
  epoll_ctl(queue, EPOLL_CTL_MOD, c->fd, &(struct epoll_event){EPOLLIN | (writing ? EPOLLOUT : 0), {.ptr = c}});
}

static int listening(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096)) fail("the port is taken");
  return fd;
}

static void accept_all(int fd, int grpc) {
  for (;;) {
    int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
    if (accepted < 0) return;
    setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct connection *c = calloc(1, sizeof *c);
    c->fd = accepted;
    c->grpc = grpc;
    c->window = FIRST_WINDOW;
    epoll_ctl(queue, EPOLL_CTL_ADD, accepted, &(struct epoll_event){EPOLLIN, {.ptr = c}});
    put_settings(&c->out);
    flush(c);
  }
}

static void build_heads(const char *bytes) {
  add_static(&plain_head, 8);
  add_field(&plain_head, 31, "", "application/octet-stream");
  add_field(&plain_head, 28, "", bytes);
  add_field(&plain_head, 54, "", "bench");
  add_field(&plain_head, 33, "", "Sun, 22 Nov 2026 07:00:00 GMT");
  end_head(&plain_head, 0);
  add_static(&grpc_head, 8);
  add_field(&grpc_head, 31, "", "application/grpc");
  end_head(&grpc_head, 1);
  add_field(&trailers, 0, "grpc-status", "0");
  end_head(&trailers, 0);
}

int main(int count, char **words) {
  if (count != 4) fail("origin PORT BYTES GRPC_PORT");
  length = atol(words[2]);
  if (length > LARGEST_FRAME) fail("more than one frame");
  body = malloc(length + MESSAGE);
  memset(body, 'x', length + MESSAGE);
  body[0] = 0;
  put32(body + 1, MESSAGE - 5);
  build_heads(words[2]);
  queue = epoll_create1(0);
  int listeners[2] = {listening(atoi(words[1])), listening(atoi(words[3]))};
  for (int n = 0; n < 2; n++) epoll_ctl(queue, EPOLL_CTL_ADD, listeners[n], &(struct epoll_event){EPOLLIN, {.ptr = &listeners[n]}});
  struct epoll_event events[64];
  for (;;) {
    int ready = epoll_wait(queue, events, 64, -1);
    for (int n = 0; n < ready; n++) {
      void *of = events[n].data.ptr;
      if (of == &listeners[0] || of == &listeners[1]) {
        accept_all(*(int *)of, of == &listeners[1]);
        continue;
      }
      struct connection *c = of;
      ssize_t got = recv(c->fd, c->in + c->have, sizeof c->in - c->have, 0);
      if (got > 0) c->have += got;
      if (got == 0 || (got < 0 && errno != EAGAIN) || !read_frames(c)) {
        close(c->fd);
        free(c->out.at);
        free(c);
        continue;
      }
      flush(c);
    }
  }
}
