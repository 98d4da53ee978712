// Requests over HTTP/2 as fast as they are answered: so many connections with so many streams each. Every answer is judged by its status, its length and, of
// gRPC, its grpc-status. load PORT CONNECTIONS STREAMS SECONDS get|grpc PATH BYTES plain|tls → one line of JSON.
#define _GNU_SOURCE
#include "connection.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 512

struct stream {
  uint32_t id;
  int found;
  size_t got;
};

struct connection {
  struct wire wire;
  int ready, open;
  SSL *tls;
  struct table table;
  struct stream streams[SLOTS];
  uint32_t next;
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
  if (grpc && c->wire.window < MESSAGE) {
    c->owed++;
    return;
  }
  uint32_t id = c->next;
  c->next += 2;
  struct stream *s = &c->streams[(id >> 1) % SLOTS];
  *s = (struct stream){.id = id};
  put_head(&c->wire, &head, grpc ? 0 : END_STREAM, id);
  c->wire.begun = 1;
  if (!grpc) return;
  put_frame(&c->wire.out, MESSAGE, DATA, END_STREAM, id);
  uint8_t *message = more(&c->wire.out, MESSAGE);
  memset(message, 'x', MESSAGE);
  message[0] = 0;
  put32(message + 1, MESSAGE - 5);
  c->wire.window -= MESSAGE;
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

static void read_frame(struct connection *c, const struct frame *f) {
  const uint8_t *at = f->at, *end = at + f->length;
  struct stream *s = find(c, f->id);
  switch (f->type) {
    case DATA:
      give_credit(&c->wire, f->length);
      if (!s) return;
      s->got += f->length - (f->flags & PADDED ? 1 + at[0] : 0);
      break;
    case HEADERS:
      if (!(f->flags & END_HEADERS)) fail("a head in more than one frame");
      if (f->flags & PADDED) end -= at[0], at++;
      if (f->flags & HAS_PRIORITY) at += 5;
      int found = read_block(&c->table, at, end);
      if (!s) return;
      s->found |= found;
      break;
    case RST_STREAM:
      if (s) ended(c, s, 0);
      return;
    case SETTINGS:
      if (f->flags & ACK) return;
      heed_settings(&c->wire, f, grpc ? MESSAGE : 0);
      if (!c->ready)
        for (int n = 0; n < streams; n++) request(c);
      c->ready = 1;
      return;
    case PING:
      answer_ping(&c->wire, f);
      return;
    case WINDOW_UPDATE:
      if (f->id) return;
      c->wire.window += get32(at) & LARGEST_WINDOW;
      for (int owed = c->owed; owed > 0; owed--) c->owed--, request(c);
      return;
    case GOAWAY:
      fprintf(stderr, "GOAWAY with %u\n", get32(at + 4));
      return;
    case CONTINUATION:
      fail("a head in more than one frame");
  }
  if ((f->type == DATA || f->type == HEADERS) && s && (f->flags & END_STREAM)) ended(c, s, 1);
}

static void read_frames(struct connection *c) {
  size_t at = 0;
  struct frame f;
  int got;
  while ((got = next_frame(&c->wire, &at, &f)) > 0) read_frame(c, &f);
  if (got < 0) fail("a frame that is too large");
  drop(&c->wire, at);
}

static ssize_t give(struct wire *w, const uint8_t *at, size_t length) {
  struct connection *c = (struct connection *)w;
  return c->tls ? SSL_write(c->tls, at, length) : send(w->fd, at, length, MSG_NOSIGNAL);
}

static void flush(struct connection *c) { flush_by(&c->wire, queue, give); }

// → 0: it has ended.
static int take(struct connection *c) {
  for (;;) {
    uint8_t *to = c->wire.in + c->wire.have;
    size_t room = sizeof c->wire.in - c->wire.have;
    ssize_t got = c->tls ? SSL_read(c->tls, to, room) : recv(c->wire.fd, to, room, 0);
    if (got <= 0) {
      if (c->tls) return SSL_get_error(c->tls, got) == SSL_ERROR_WANT_READ || SSL_get_error(c->tls, got) == SSL_ERROR_WANT_WRITE;
      return got < 0 && errno == EAGAIN;
    }
    c->wire.have += got;
    read_frames(c);
    if (!c->tls && c->wire.have < sizeof c->wire.in / 2) return 1;
  }
}

static void begin(struct connection *c, SSL_CTX *context) {
  c->wire.fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (connect(c->wire.fd, (struct sockaddr *)&to, sizeof to)) fail("nobody listens");
  setsockopt(c->wire.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  if (secure) {
    c->tls = SSL_new(context);
    SSL_set_fd(c->tls, c->wire.fd);
    SSL_set_tlsext_host_name(c->tls, "localhost");
    SSL_set_alpn_protos(c->tls, (const uint8_t *)"\2h2", 3);
    if (SSL_connect(c->tls) != 1) fail("no TLS");
    const uint8_t *protocol;
    unsigned length;
    SSL_get0_alpn_selected(c->tls, &protocol, &length);
    if (length != 2 || memcmp(protocol, "h2", 2)) fail("the server does not take h2");
  }
  fcntl(c->wire.fd, F_SETFL, O_NONBLOCK);
  c->next = 1;
  c->open = 1;
  c->wire.window = FIRST_WINDOW;
  c->table.most = 4096;
  put(&c->wire.out, PREFACE, sizeof PREFACE - 1);
  put_settings(&c->wire.out);
  epoll_ctl(queue, EPOLL_CTL_ADD, c->wire.fd, &(struct epoll_event){EPOLLIN, {.ptr = c}});
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
        close(c->wire.fd);
        continue;
      }
      flush(c);
    }
  }
  printf("{\"requests\":%ld,\"failures\":%ld,\"seconds\":%.3f}\n", requests, failures, now() - began);
  return 0;
}
