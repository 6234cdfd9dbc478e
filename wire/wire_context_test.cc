#include "wire/wire_context.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>
#include <zmq.h>

#include <filesystem>
#include <fstream>

namespace remuda {
namespace {

TEST(WireContext, AllOfAProcessAreOne) {
  WireContext first;
  WireContext second;
  EXPECT_EQ(first.handle(), second.handle());
  EXPECT_EQ(zmq_ctx_get(first.handle(), ZMQ_BLOCKY), 0);
  EXPECT_EQ(zmq_ctx_get(first.handle(), ZMQ_MAX_SOCKETS),
            WireContext::kSocketsMax);
}

// Signals that can be blocked: all but KILL and STOP.
TEST(WireContext, ItsThreadsGetNoSignals) {
  WireContext context;
  int blocking = 0;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/self/task")) {
    const std::string id = thread.path().filename();
    if (id == std::to_string(getpid())) continue;  // our own
    std::ifstream status(thread.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with("SigBlk:")) continue;
      const uint64_t mask = std::stoull(line.substr(7), nullptr, 16);
      EXPECT_NE(mask & (1ull << (SIGTERM - 1)), 0u) << id;
      EXPECT_NE(mask & (1ull << (SIGCHLD - 1)), 0u) << id;
      ++blocking;
    }
  }
  EXPECT_GE(blocking, 2);
}

TEST(IsLocalEndpoint, OnlyThisMachine) {
  for (const char* local :
       {"ipc:///run/x", "inproc://x", "tcp://127.0.0.1:1", "tcp://127.9.8.7:1",
        "tcp://localhost:5", "tcp://[::1]:5", "tcp://127.0.0.1:0"}) {
    EXPECT_TRUE(IsLocalEndpoint(local)) << local;
  }
  for (const char* other :
       {"", "tcp://", "tcp://127.0.0.1", "tcp://*:5", "tcp://0.0.0.0:5",
        "tcp://10.0.0.1:5", "tcp://127.evil.org:5", "tcp://localhost.org:5",
        "tcp://127.0.0.1.nip.io:5", "tcp://[::]:5", "tcp://eth0:5",
        "udp://127.0.0.1:5", "tcp://example.org:127"}) {
    EXPECT_FALSE(IsLocalEndpoint(other)) << other;
  }
}

}  // namespace
}  // namespace remuda
