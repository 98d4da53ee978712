// Answers every request of HTTP/2 in plaintext: with a body of so many bytes on one port, with one message of gRPC and trailers on the other.
// origin PORT BYTES GRPC_PORT
#define _GNU_SOURCE
#include "connection.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define WAITING 4096

struct connection {
  struct wire wire;
  int grpc, greeted;
  uint32_t waiting[WAITING];
  unsigned first, last;
};

static struct head plain_head, grpc_head, trailers;
static uint8_t *body;
static size_t length;
static int queue;

static void answer(struct connection *c, uint32_t id) {
  struct wire *w = &c->wire;
  size_t bytes = c->grpc ? MESSAGE : length;
  if (w->window < (int64_t)bytes) {
    if (c->last - c->first == WAITING) fail("too many streams wait");
    c->waiting[c->last++ % WAITING] = id;
    return;
  }
  w->window -= bytes;
  put_head(w, c->grpc ? &grpc_head : &plain_head, 0, id);
  put_frame(&w->out, bytes, DATA, c->grpc ? 0 : END_STREAM, id);
  put(&w->out, body, bytes);
  if (c->grpc) put_head(w, &trailers, END_STREAM, id);
  w->begun = 1;
}

static void read_frame(struct connection *c, const struct frame *f) {
  switch (f->type) {
    case DATA:
      give_credit(&c->wire, f->length);
      if (f->flags & END_STREAM) answer(c, f->id);
      return;
    case HEADERS:
      if (f->flags & END_STREAM) answer(c, f->id);
      return;
    case SETTINGS:
      if (!(f->flags & ACK)) heed_settings(&c->wire, f, length);
      return;
    case PING:
      answer_ping(&c->wire, f);
      return;
    case WINDOW_UPDATE:
      if (f->id) return;
      c->wire.window += get32(f->at) & LARGEST_WINDOW;
      for (unsigned waits = c->last - c->first; waits > 0; waits--) answer(c, c->waiting[c->first++ % WAITING]);
  }
}

// → 0: the connection is none.
static int read_frames(struct connection *c) {
  struct wire *w = &c->wire;
  size_t at = 0;
  struct frame f;
  int got;
  if (!c->greeted) {
    if (w->have < sizeof PREFACE - 1) return 1;
    if (memcmp(w->in, PREFACE, sizeof PREFACE - 1)) return 0;
    c->greeted = 1;
    at = sizeof PREFACE - 1;
  }
  while ((got = next_frame(w, &at, &f)) > 0) read_frame(c, &f);
  drop(w, at);
  return got == 0;
}

static ssize_t give(struct wire *w, const uint8_t *at, size_t length) { return send(w->fd, at, length, MSG_NOSIGNAL); }

static void flush(struct connection *c) { flush_by(&c->wire, queue, give); }

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
    c->wire.fd = accepted;
    c->grpc = grpc;
    c->wire.window = FIRST_WINDOW;
    epoll_ctl(queue, EPOLL_CTL_ADD, accepted, &(struct epoll_event){EPOLLIN, {.ptr = c}});
    put_settings(&c->wire.out);
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
      ssize_t got = recv(c->wire.fd, c->wire.in + c->wire.have, sizeof c->wire.in - c->wire.have, 0);
      if (got > 0) c->wire.have += got;
      if (got == 0 || (got < 0 && errno != EAGAIN) || !read_frames(c)) {
        close(c->wire.fd);
        free(c->wire.out.at);
        free(c);
        continue;
      }
      flush(c);
    }
  }
}
