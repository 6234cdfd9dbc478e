#include <benchmark/benchmark.h>

#include <thread>

#include "base/clock.h"
#include "base/event_loop.h"
#include "base/random.h"
#include "wire/dealer_socket.h"
#include "wire/router_socket.h"

namespace remuda {
namespace {

// A router that answers each frame, on a thread of its own, and a dealer that
// keeps `window` frames under way.
void EchoedFrames(benchmark::State& state, const std::string& endpoint) {
  const auto window = static_cast<uint64_t>(state.range(0));
  const std::string frame(static_cast<size_t>(state.range(1)), 'x');
  SystemClock clock;
  Random random(1);
  WireContext context;
  EventLoop router_loop(clock);
  std::unique_ptr<RouterSocket> router;
  router = *RouterSocket::Bind({.endpoint = endpoint}, context, router_loop,
                               [&](WirePeer peer, std::string_view got) {
                                 (void)router->Send(peer, got);
                               });
  std::thread thread([&] { router_loop.Run(); });
  {
    EventLoop loop(clock);
    uint64_t sent = 0;
    uint64_t received = 0;
    uint64_t target = 0;
    std::unique_ptr<DealerSocket> dealer;
    const auto pump = [&] {
      while (sent < target && sent - received < window) {
        if (!dealer->Send(frame).ok()) break;
        ++sent;
      }
    };
    DealerOptions options;
    options.endpoint = router->endpoint();
    dealer = *DealerSocket::Connect(options, context, loop, random,
                                    {.on_frame =
                                         [&](std::string_view) {
                                           ++received;
                                           pump();
                                           if (received == target) loop.Stop();
                                         },
                                     .on_connected = [&] { loop.Stop(); },
                                     .on_disconnected = nullptr});
    loop.Run();
    constexpr uint64_t kFramesPerRound = 10'000;
    for (auto _ : state) {
      target += kFramesPerRound;
      pump();
      loop.Run();
    }
    state.SetItemsProcessed(static_cast<int64_t>(received));
  }
  router_loop.Stop();
  thread.join();
}

// Window, bytes of a frame.
BENCHMARK_CAPTURE(EchoedFrames, tcp, "tcp://127.0.0.1:0")
    ->Args({1, 256})
    ->Args({100, 256})
    ->Args({16, 65'536})
    ->UseRealTime();
BENCHMARK_CAPTURE(EchoedFrames, ipc, "ipc:///tmp/remuda_benchmark.sock")
    ->Args({1, 256})
    ->Args({100, 256})
    ->UseRealTime();

}  // namespace
}  // namespace remuda
