// Datagrams back and forth: `datagrams echo PORT` answers each with itself; `datagrams load PORT SOCKETS SECONDS BYTES` sends each socket's next once its last is
// answered, and counts those that come back other than they went or not within a second as failed. → one line of JSON.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static struct sockaddr_in address(int port) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static int echo(int port) {
  struct sockaddr_in at = address(port), from;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (bind(fd, (struct sockaddr *)&at, sizeof at)) return 1;
  uint8_t bytes[65536];
  for (;;) {
    socklen_t size = sizeof from;
    ssize_t got = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size);
    if (got >= 0) sendto(fd, bytes, got, 0, (struct sockaddr *)&from, size);
  }
}

struct client {
  int fd;
  uint64_t sent;
  double at;
};

static uint8_t message[65536], reply[65536];

static void next(struct client *c, size_t bytes) {
  c->sent++;
  c->at = now();
  memcpy(message, &c->sent, sizeof c->sent);
  if (send(c->fd, message, bytes, 0) < 0) perror("send");
}

static int load(int port, int count, double seconds, size_t bytes) {
  struct sockaddr_in to = address(port);
  struct client *all = calloc(count, sizeof *all);
  int queue = epoll_create1(0);
  long requests = 0, failures = 0;
  double began = now(), end = began + seconds, looked = began;
  memset(message, 'x', sizeof message);
  for (int n = 0; n < count; n++) {
    all[n].fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (connect(all[n].fd, (struct sockaddr *)&to, sizeof to)) return 1;
    epoll_ctl(queue, EPOLL_CTL_ADD, all[n].fd, &(struct epoll_event){EPOLLIN, {.ptr = &all[n]}});
    next(&all[n], bytes);
  }
  struct epoll_event events[64];
  while (now() < end) {
    int ready = epoll_wait(queue, events, 64, 100);
    for (int n = 0; n < ready; n++) {
      struct client *c = events[n].data.ptr;
      ssize_t got = recv(c->fd, reply, sizeof reply, 0);
      if (got < 0) continue;
      // One that was given up came after all.
      if (got >= (ssize_t)sizeof c->sent && memcmp(reply, &c->sent, sizeof c->sent)) continue;
      requests++;
      if (got != (ssize_t)bytes || memcmp(reply + sizeof c->sent, message + sizeof c->sent, bytes - sizeof c->sent)) failures++;
      next(c, bytes);
    }
    if (now() - looked < 1) continue;
    looked = now();
    for (int n = 0; n < count; n++)
      if (looked - all[n].at > 1) failures++, next(&all[n], bytes);
  }
  printf("{\"requests\":%ld,\"failures\":%ld,\"seconds\":%.3f}\n", requests, failures, now() - began);
  return 0;
}

int main(int count, char **words) {
  if (count == 3 && !strcmp(words[1], "echo")) return echo(atoi(words[2]));
  if (count == 6 && !strcmp(words[1], "load")) return load(atoi(words[2]), atoi(words[3]), atof(words[4]), atol(words[5]));
  fprintf(stderr, "datagrams echo PORT | datagrams load PORT SOCKETS SECONDS BYTES\n");
  return 2;
}
