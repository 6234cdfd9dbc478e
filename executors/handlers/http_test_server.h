#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/file_descriptor.h"
#include "base/mutex.h"

namespace remuda {

// An HTTP server on loopback for tests, which answers each path with bytes
// that the test chose, well-formed or not.
//
// Thread: its own; methods may be called from any.
// Lifetime: destruction closes all connections.
class HttpTestServer {
 public:
  // Answers that are not bytes.
  static constexpr char kHang[] = "(hang)";    // never
  static constexpr char kClose[] = "(close)";  // closes the connection
  static constexpr char kEcho[] = "(echo)";    // the request, as text/plain

  HttpTestServer();
  ~HttpTestServer();

  std::string Url(const std::string& path) const;

  // The whole answer, head and body.
  void Answer(const std::string& path, const std::string& bytes);
  // 200 with a body of this type.
  void Page(const std::string& path, const std::string& body,
            const std::string& type = "text/html");
  // Holds back answers to the path until so many requests wait for them.
  void HoldUntil(const std::string& path, size_t requests);

  size_t connections() const;
  size_t requests() const;
  // Blocks until that many requests came in all.
  void AwaitRequests(size_t count);

 private:
  struct Peer {
    UniqueFd fd;
    std::string in;
    std::string out;
    bool close = false;
  };

  void Serve();
  void TakeRequests(Peer& peer) EXCLUDES(mutex_);
  bool Write(Peer& peer);
  bool Read(Peer& peer);

  UniqueFd listener_;
  UniqueFd stop_read_;
  UniqueFd stop_write_;
  int port_ = 0;

  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, std::string> answers_ GUARDED_BY(mutex_);
  std::map<std::string, size_t> hold_ GUARDED_BY(mutex_);
  std::map<std::string, std::vector<int>> held_ GUARDED_BY(mutex_);
  size_t connections_ GUARDED_BY(mutex_) = 0;
  size_t requests_ GUARDED_BY(mutex_) = 0;

  std::map<int, Peer> peers_;  // the thread's own
  std::thread thread_;
};

}  // namespace remuda
