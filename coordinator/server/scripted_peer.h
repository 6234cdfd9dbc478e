#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/event_loop.h"
#include "base/random.h"
#include "wire/codec.h"
#include "wire/dealer_socket.h"
#include "wire/key_files.h"

namespace remuda {

// A connection to a coordinator under test: asks, listens, waits. Time-outs
// are there so that a broken test ends.
//
// Thread: the test's.
class ScriptedPeer {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(30);

  ScriptedPeer(const std::string& endpoint, WireContext& context,
               std::optional<PeerKey> key = std::nullopt)
      : loop_(clock_) {
    DealerOptions options;
    options.endpoint = endpoint;
    options.key = std::move(key);
    options.reconnect = ReconnectDelays::For(endpoint);
    absl::StatusOr<std::unique_ptr<DealerSocket>> socket =
        DealerSocket::Connect(
            options, context, loop_, random_,
            {.on_frame = [this](std::string_view f) { OnFrame(f); },
             .on_connected = [this] { ++connects_; },
             .on_disconnected = [] {}});
    CHECK_OK(socket);
    socket_ = *std::move(socket);
    loop_.AddTurnEnd([this] {
      if (condition_ && condition_()) loop_.Stop();
    });
    CHECK(WaitUntil([this] { return socket_->connected(); }));
  }

  bool WaitUntil(std::function<bool()> condition) {
    if (condition()) return true;
    condition_ = std::move(condition);
    bool in_time = true;
    const TimerId limit = loop_.RunAfter(kPatience, [this, &in_time] {
      in_time = false;
      loop_.Stop();
    });
    loop_.Run();
    loop_.CancelTimer(limit);
    condition_ = nullptr;
    return in_time;
  }

  void SendFrame(const std::string& frame) { CHECK_OK(socket_->Send(frame)); }

  uint64_t Ask(const ClientRequest& request) {
    SendFrame(EncodeRequest(request, ++last_request_));
    return last_request_;
  }

  // The next reply to that request.
  ClientReply Reply(uint64_t number) {
    CHECK(WaitUntil([&] { return !replies_[number].empty(); }));
    ClientReply reply = std::move(replies_[number].front());
    replies_[number].pop_front();
    return reply;
  }

  ClientReply Call(const ClientRequest& request) { return Reply(Ask(request)); }

  template <typename Expected>
  Expected CallFor(const ClientRequest& request) {
    ClientReply reply = Call(request);
    if (const auto* error = std::get_if<RequestError>(&reply)) {
      ADD_FAILURE() << error->message;
    }
    CHECK(std::holds_alternative<Expected>(reply));
    return std::get<Expected>(std::move(reply));
  }

  // Watches the job until it has ended.
  JobSummary WaitForEnd(JobId job) {
    const uint64_t number = Ask(WatchJobs{.ids = {job}});
    while (true) {
      ClientReply reply = Reply(number);
      const JobSummary summary = std::get<JobSummaries>(reply).jobs.at(0);
      if (IsTerminal(summary.state)) return summary;
    }
  }

  // What the coordinator said to an agent; the oldest first.
  std::deque<CoordinatorFrame> heard;
  // Called for each instead, if set.
  std::function<void(const CoordinatorFrame&)> on_message;

  template <typename Message>
  CoordinatorFrame Hear() {
    while (true) {
      CHECK(WaitUntil([this] { return !heard.empty(); }));
      CoordinatorFrame frame = std::move(heard.front());
      heard.pop_front();
      if (std::holds_alternative<Message>(frame.message)) return frame;
    }
  }

  size_t frames() const { return frames_; }
  // Connections made so far.
  size_t connects() const { return connects_; }
  EventLoop& loop() { return loop_; }

 private:
  void OnFrame(std::string_view bytes) {
    ++frames_;
    if (absl::StatusOr<ReplyFrame> reply = DecodeReply(bytes); reply.ok()) {
      replies_[reply->number].push_back(std::move(reply->reply));
      return;
    }
    absl::StatusOr<CoordinatorFrame> frame = DecodeCoordinator(bytes);
    CHECK_OK(frame);
    if (on_message) {
      on_message(*frame);
    } else {
      heard.push_back(*std::move(frame));
    }
  }

  SystemClock clock_;
  EventLoop loop_;
  Random random_{7};
  std::unique_ptr<DealerSocket> socket_;
  std::function<bool()> condition_;
  std::map<uint64_t, std::deque<ClientReply>> replies_;
  uint64_t last_request_ = 0;
  size_t connects_ = 0;
  size_t frames_ = 0;
};

}  // namespace remuda
