// Requests over HTTP/2 as fast as they are answered: so many connections with so many streams each. Every answer is judged by its status, its length and, of
// gRPC, its grpc-status. load PORT CONNECTIONS STREAMS SECONDS get|grpc PATH BYTES plain|tls → one line of JSON.
#define _GNU_SOURCE
#include "wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 512
#define MESSAGE 69

struct stream {
  uint32_t id;
  int found;
  size_t got;
};

struct connection {
  int fd, writing, ready, begun, open;
  SSL *tls;
  uint8_t in[65536];
  size_t have;
  struct bytes out;
  struct table table;
  struct stream streams[SLOTS];
  uint32_t next, tableless;
  int64_t window, taken;
  int owed;
};

static struct head head;
static int port, streams, grpc, secure, queue;
static size_t expected;
static long requests, failures;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void request(struct connection *c) {
  if (grpc && c->window < MESSAGE) {
    c->owed++;
    return;
  }
  uint32_t id = c->next;
  c->next += 2;
  struct stream *s = &c->streams[(id >> 1) % SLOTS];
  *s = (struct stream){.id = id};
  const uint8_t *block = c->tableless ? head.plain : c->begun ? head.later : head.first;
  size_t length = c->tableless ? head.plain_length : c->begun ? head.later_length : head.first_length;
  int resized = c->tableless && !c->begun;
  put_frame(&c->out, length + resized, HEADERS, END_HEADERS | (grpc ? 0 : END_STREAM), id);
  if (resized) *more(&c->out, 1) = 0x20;
  put(&c->out, block, length);
  c->begun = 1;
  if (!grpc) return;
  put_frame(&c->out, MESSAGE, DATA, END_STREAM, id);
  uint8_t *message = more(&c->out, MESSAGE);
  memset(message, 'x', MESSAGE);
  message[0] = 0;
  put32(message + 1, MESSAGE - 5);
  c->window -= MESSAGE;
}

static void ended(struct connection *c, struct stream *s, int whole) {
  s->id = 0;
  requests++;
  if (!whole || s->got != expected || s->found != (grpc ? 3 : 1)) failures++;
  request(c);
}

static struct stream *find(struct connection *c, uint32_t id) {
  struct stream *s = &c->streams[(id >> 1) % SLOTS];
  return s->id == id && id ? s : NULL;
}

static void read_frame(struct connection *c, int type, int flags, uint32_t id, const uint8_t *at, size_t length) {
  const uint8_t *end = at + length;
  struct stream *s = find(c, id);
  switch (type) {
    case DATA:
      c->taken += length;
      if (c->taken > LARGEST_WINDOW / 2) put_credit(&c->out, 0, c->taken), c->taken = 0;
      if (flags & PADDED) length -= 1 + at[0];
      if (!s) return;
      s->got += length;
      break;
    case HEADERS:
      if (!(flags & END_HEADERS)) fail("a head in more than one frame");
      if (flags & PADDED) end -= at[0], at++;
      if (flags & HAS_PRIORITY) at += 5;
      int found = read_block(&c->table, at, end);
      if (!s) return;
      s->found |= found;
      break;
    case RST_STREAM:
      if (s) ended(c, s, 0);
      return;
    case SETTINGS:
      if (flags & ACK) return;
      for (; at + 6 <= end; at += 6)
        if (at[0] == 0 && at[1] == 1 && get32(at + 2) < 4096) c->tableless = 1;
      put_frame(&c->out, 0, SETTINGS, ACK, 0);
      if (!c->ready)
        for (int n = 0; n < streams; n++) request(c);
      c->ready = 1;
      return;
    case PING:
      if (flags & ACK) return;
      put_frame(&c->out, 8, PING, ACK, 0);
      put(&c->out, at, 8);
      return;
    case WINDOW_UPDATE:
      if (id) return;
      c->window += get32(at) & LARGEST_WINDOW;
      for (int owed = c->owed; owed > 0; owed--) c->owed--, request(c);
      return;
    case GOAWAY:
      fprintf(stderr, "GOAWAY with %u\n", get32(at + 4));
      return;
    case CONTINUATION:
      fail("a head in more than one frame");
  }
  if ((type == DATA || type == HEADERS) && s && (flags & END_STREAM)) ended(c, s, 1);
}

static void read_frames(struct connection *c) {
  size_t at = 0;
  while (c->have - at >= FRAME_HEAD) {
    uint8_t *f = c->in + at;
    size_t length = f[0] << 16 | f[1] << 8 | f[2];
    if (length > LARGEST_FRAME) fail("a frame that is too large");
    if (c->have - at < FRAME_HEAD + length) break;
    read_frame(c, f[3], f[4], get32(f + 5) & LARGEST_WINDOW, f + FRAME_HEAD, length);
    at += FRAME_HEAD + length;
  }
  memmove(c->in, c->in + at, c->have - at);
  c->have -= at;
}

static void flush(struct connection *c) {
  while (c->out.sent < c->out.have) {
    const uint8_t *at = c->out.at + c->out.sent;
    size_t length = c->out.have - c->out.sent;
    ssize_t sent = c->tls ? SSL_write(c->tls, at, length) : send(c->fd, at, length, MSG_NOSIGNAL);
    if (sent <= 0) break;
    c->out.sent += sent;
  }
  int writing = c->out.sent < c->out.have;
  if (writing == c->writing) return;
  c->writing = writing;
  epoll_ctl(queue, EPOLL_CTL_MOD, c->fd, &(struct epoll_event){EPOLLIN | (writing ? EPOLLOUT : 0), {.ptr = c}});
}

// → 0: it has ended.
static int take(struct connection *c) {
  for (;;) {
    ssize_t got = c->tls ? SSL_read(c->tls, c->in + c->have, sizeof c->in - c->have) : recv(c->fd, c->in + c->have, sizeof c->in - c->have, 0);
    if (got <= 0) {
      if (c->tls) return SSL_get_error(c->tls, got) == SSL_ERROR_WANT_READ || SSL_get_error(c->tls, got) == SSL_ERROR_WANT_WRITE;
      return got < 0 && errno == EAGAIN;
    }
    c->have += got;
    read_frames(c);
    if (!c->tls && c->have < sizeof c->in / 2) return 1;
  }
}

static void begin(struct connection *c, SSL_CTX *context) {
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) fail("nobody listens");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  if (secure) {
    c->tls = SSL_new(context);
    SSL_set_fd(c->tls, c->fd);
    SSL_set_tlsext_host_name(c->tls, "localhost");
    SSL_set_alpn_protos(c->tls, (const uint8_t *)"\2h2", 3);
    if (SSL_connect(c->tls) != 1) fail("no TLS");
    const uint8_t *protocol;
    unsigned length;
    SSL_get0_alpn_selected(c->tls, &protocol, &length);
    if (length != 2 || memcmp(protocol, "h2", 2)) fail("the server does not take h2");
  }
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  c->next = 1;
  c->open = 1;
  c->window = FIRST_WINDOW;
  c->table.most = 4096;
  put(&c->out, PREFACE, sizeof PREFACE - 1);
  put_settings(&c->out);
  epoll_ctl(queue, EPOLL_CTL_ADD, c->fd, &(struct epoll_event){EPOLLIN, {.ptr = c}});
  flush(c);
}

static void build_head(const char *path) {
  add_static(&head, grpc ? 3 : 2);
  add_static(&head, secure ? 7 : 6);
  add_field(&head, 4, "", path);
  add_field(&head, 1, "", "localhost");
  if (grpc) {
    add_field(&head, 0, "te", "trailers");
    add_field(&head, 31, "", "application/grpc");
    add_field(&head, 58, "", "grpc-bench/1.0");
    add_field(&head, 0, "grpc-accept-encoding", "identity, deflate, gzip");
  } else {
    add_field(&head, 58, "", "bench/1.0");
    add_field(&head, 19, "", "*/*");
  }
  end_head(&head, 0);
}

int main(int count, char **words) {
  if (count != 9) fail("load PORT CONNECTIONS STREAMS SECONDS get|grpc PATH BYTES plain|tls");
  port = atoi(words[1]);
  int connections = atoi(words[2]);
  streams = atoi(words[3]);
  double seconds = atof(words[4]);
  grpc = !strcmp(words[5], "grpc");
  expected = atol(words[7]);
  secure = !strcmp(words[8], "tls");
  if (streams > SLOTS / 4) fail("too many streams");
  build_tree();
  build_head(words[6]);
  queue = epoll_create1(0);
  SSL_CTX *context = secure ? SSL_CTX_new(TLS_client_method()) : NULL;
  if (context) SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  double began = now(), end = began + seconds;
  struct connection *all = calloc(connections, sizeof *all);
  for (int n = 0; n < connections; n++) begin(&all[n], context);
  struct epoll_event events[64];
  int left = connections;
  while (left > 0 && now() < end) {
    int ready = epoll_wait(queue, events, 64, 100);
    for (int n = 0; n < ready; n++) {
      struct connection *c = events[n].data.ptr;
      if (!c->open) continue;
      if (!take(c)) {
        // Whatever was under way has failed; a connection that ends is none of the plan.
        failures += streams;
        c->open = 0;
        left--;
        close(c->fd);
        continue;
      }
      flush(c);
    }
  }
  printf("{\"requests\":%ld,\"failures\":%ld,\"seconds\":%.3f}\n", requests, failures, now() - began);
  return 0;
}
