#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/api/api_hub.h"
#include "coordinator/server/request_door.h"
#include "wire/metrics.h"

namespace remuda {

struct ApiOptions {
  std::string address = {};  // HOST:PORT; port 0 chooses one
  std::string tokens = {};   // folder of token files; empty: none are asked for
  // PEM files of the chain and its key; empty: plain HTTP.
  std::string certificate = {};
  std::string certificate_key = {};
  // Of the pages that may ask, as "https://board.example.org".
  std::vector<std::string> origins = {};
  ApiLimits limits = {};
};

// The coordinator over HTTP: docs/API.md. Turns requests into what clients ask
// over ZeroMQ and knows nothing of how that is decided.
//
// Thread: one of its own serves all connections, another reads specs; the
// methods may be called from any.
// Lifetime: ends before the door and the metrics. The destructor cuts all
// connections.
class ApiServer {
 public:
  // Errors: FailedPrecondition for an address off this machine without tokens
  // and a certificate; InvalidArgument for an address, a certificate or a
  // token file that is none; AlreadyExists if the port is taken.
  static absl::StatusOr<std::unique_ptr<ApiServer>> Start(
      const ApiOptions& options, RequestDoor& door, Metrics& metrics);

  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  // "http://127.0.0.1:8080", with the chosen port.
  const std::string& url() const;

  // Reads the tokens and the certificate again. A token that is gone opens
  // nothing more, and its streams end. What cannot be read is logged: a token
  // then does not count, a certificate stays what it was.
  void Reload();

 private:
  class Impl;
  explicit ApiServer(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace remuda
