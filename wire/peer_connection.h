#pragma once

#include <string>

namespace remuda {

// The connection that a message came over, as far as its descriptor tells.
// libzmq owns the descriptor and closes it without a word, after which its
// number may mean another connection: the address of the other end, noted at
// the first message, tells the two apart.
//
// Thread: a value. Lifetime: a value.
class PeerConnection {
 public:
  PeerConnection() = default;
  // `fd` as of ZMQ_SRCFD; -1 if there is none.
  explicit PeerConnection(int fd);

  // False once the other end has closed, or we have.
  bool IsOpen() const;

  // Ends it for both, so that libzmq closes it soon. Does nothing to another
  // connection that has the number by now; on ipc://, whose ends have no
  // addresses, it may hit one, which then reconnects.
  void Cut() const;

 private:
  bool IsTheSame() const;

  int fd_ = -1;
  std::string address_;
};

}  // namespace remuda
