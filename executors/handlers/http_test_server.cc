#include "executors/handlers/http_test_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace remuda {

HttpTestServer::HttpTestServer()
    : listener_(
          socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  CHECK(listener_.get() >= 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  CHECK(bind(listener_.get(), any, size) == 0);
  CHECK(listen(listener_.get(), 2048) == 0);
  CHECK(getsockname(listener_.get(), any, &size) == 0);
  port_ = ntohs(address.sin_port);
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  stop_read_ = UniqueFd(ends[0]);
  stop_write_ = UniqueFd(ends[1]);
  thread_ = std::thread([this] { Serve(); });
}

HttpTestServer::~HttpTestServer() {
  stop_write_ = UniqueFd();
  thread_.join();
}

std::string HttpTestServer::Url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

void HttpTestServer::Answer(const std::string& path, const std::string& bytes) {
  MutexLock lock(mutex_);
  answers_[path] = bytes;
}

void HttpTestServer::Page(const std::string& path, const std::string& body,
                          const std::string& type) {
  Answer(path, "HTTP/1.1 200 OK\r\nContent-Type: " + type +
                   "\r\nContent-Length: " + std::to_string(body.size()) +
                   "\r\n\r\n" + body);
}

void HttpTestServer::HoldUntil(const std::string& path, size_t requests) {
  MutexLock lock(mutex_);
  hold_[path] = requests;
}

size_t HttpTestServer::connections() const {
  MutexLock lock(mutex_);
  return connections_;
}

size_t HttpTestServer::requests() const {
  MutexLock lock(mutex_);
  return requests_;
}

void HttpTestServer::AwaitRequests(size_t count) {
  MutexLock lock(mutex_);
  while (requests_ < count) changed_.Wait(mutex_);
}

void HttpTestServer::Serve() {
  while (true) {
    std::vector<pollfd> polls = {{stop_read_.get(), POLLIN, 0},
                                 {listener_.get(), POLLIN, 0}};
    for (const auto& [fd, peer] : peers_) {
      const int events = POLLIN | (peer.out.empty() ? 0 : POLLOUT);
      polls.push_back({fd, static_cast<short>(events), 0});
    }
    if (poll(polls.data(), polls.size(), -1) < 0) continue;
    if (polls[0].revents != 0) return;
    for (size_t i = 2; i < polls.size(); ++i) {
      if (polls[i].revents == 0) continue;
      Peer& peer = peers_.at(polls[i].fd);
      if (!Read(peer) || !Write(peer)) peers_.erase(polls[i].fd);
    }
    while (polls[1].revents != 0) {
      const int fd = accept4(listener_.get(), nullptr, nullptr,
                             SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) break;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      peers_[fd].fd = UniqueFd(fd);
      MutexLock lock(mutex_);
      ++connections_;
    }
  }
}

bool HttpTestServer::Read(Peer& peer) {
  char buffer[4096];
  while (true) {
    const ssize_t size = read(peer.fd.get(), buffer, sizeof(buffer));
    if (size == 0) return false;
    if (size < 0) break;
    peer.in.append(buffer, static_cast<size_t>(size));
  }
  TakeRequests(peer);
  return true;
}

bool HttpTestServer::Write(Peer& peer) {
  while (!peer.out.empty()) {
    const ssize_t size =
        send(peer.fd.get(), peer.out.data(), peer.out.size(), MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN;
    peer.out.erase(0, static_cast<size_t>(size));
  }
  return !peer.close;
}

void HttpTestServer::TakeRequests(Peer& peer) {
  size_t end = 0;
  while ((end = peer.in.find("\r\n\r\n")) != std::string::npos) {
    size_t length = 0;
    const size_t at = peer.in.find("Content-Length: ");
    if (at < end) length = std::stoul(peer.in.substr(at + 16));
    if (peer.in.size() < end + 4 + length) return;
    const std::string request = peer.in.substr(0, end + 4 + length);
    peer.in.erase(0, request.size());
    const size_t blank = request.find(' ');
    const std::string path =
        request.substr(blank + 1, request.find(' ', blank + 1) - blank - 1);
    MutexLock lock(mutex_);
    ++requests_;
    changed_.NotifyAll();
    const auto found = answers_.find(path);
    std::string answer = found == answers_.end()
                             ? "HTTP/1.1 404 Nothing Here\r\n"
                               "Content-Length: 4\r\n\r\ngone"
                             : found->second;
    if (answer == kHang) continue;
    if (answer == kClose) peer.close = true;
    if (answer == kClose) continue;
    if (answer == kEcho) {
      answer =
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
          "Content-Length: " +
          std::to_string(request.size()) + "\r\n\r\n" + request;
    }
    if (!hold_.contains(path)) {
      peer.out += answer;
      continue;
    }
    held_[path].push_back(peer.fd.get());
    if (held_[path].size() < hold_[path]) continue;
    for (const int fd : std::exchange(held_[path], {})) {
      const auto waiting = peers_.find(fd);
      if (waiting != peers_.end()) waiting->second.out += answer;
    }
  }
}

}  // namespace remuda
