#include "executors/handlers/http_client.h"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "base/check.h"
#include "executors/handlers/http_error.h"
#include "executors/handlers/loop_event.h"

namespace remuda {
namespace {

namespace asio = boost::asio;

constexpr long kRedirectsMax = 5;
constexpr long kConnectSecondsMax = 10;
constexpr size_t kIdleHandlesMax = 256;
constexpr int kSocketsPerTurn = 256;

// So many requests at once read in curl's own steps of 16 KiB, each from a
// buffer of its own; further ones in smaller steps, because ten thousand such
// buffers are memory and nothing that many requests share is read fast.
constexpr size_t kLargeBuffersMax = 1024;
constexpr long kSmallBufferBytes = 2048;

constexpr rlim_t kFilesForOthers = 1024;

struct HandleDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, HandleDeleter>;

struct HeadersDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, HeadersDeleter>;

// Leaves kFilesForOthers of the process's descriptors to others, or half of
// them where there are few.
size_t ConnectionsMax(size_t wanted) {
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return 256;
  const rlim_t others = std::min(files.rlim_cur / 2, kFilesForOthers);
  return std::clamp<rlim_t>(files.rlim_cur - others, 1, wanted);
}

// By HTTP/1.1, where each request has a connection to itself.
bool IsPlain(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  return url.size() >= kScheme.size() &&
         curl_strnequal(url.data(), kScheme.data(), kScheme.size()) != 0;
}

bool HasControlCharacter(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

absl::Status CheckRequest(const HttpRequest& request) {
  const std::string& method = request.method;
  if (method.empty() || method.size() > 32 ||
      !std::all_of(method.begin(), method.end(),
                   [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return absl::InvalidArgumentError(
        "`method` must be a word in capital letters, like GET or POST");
  }
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || name.find(':') != std::string::npos ||
        HasControlCharacter(name) || HasControlCharacter(value)) {
      return absl::InvalidArgumentError("not a valid HTTP header");
    }
  }
  if (HasControlCharacter(request.url)) {
    return absl::InvalidArgumentError(
        "the URL contains a line break or another control character");
  }
  return absl::OkStatus();
}

// One request and what has come of it.
struct Transfer {
  Transfer(const HttpRequest& wanted, const asio::any_io_executor& executor,
           ByteLease lease)
      : request(wanted), done(executor), held(std::move(lease)) {}

  static size_t OnBytes(char* data, size_t one, size_t count, void* self) {
    return static_cast<Transfer*>(self)->Append(data, one * count);
  }

  size_t Append(const char* data, size_t size) {
    if (body.size() + size > request.bytes_max) {
      too_large = true;
      return 0;  // ends the transfer
    }
    if (!held.Grow(size)) {
      no_room = true;
      return 0;
    }
    body.append(data, size);
    return size;
  }

  const HttpRequest& request;
  LoopEvent done;
  ByteLease held;
  Handle handle;
  Headers headers;
  std::string body;
  char error_text[CURL_ERROR_SIZE] = "";
  CURLcode code = CURLE_OK;
  bool too_large = false;
  bool no_room = false;
  bool reads_small = false;
};

void SetMethod(CURL* handle, const HttpRequest& request) {
  const std::string& method = request.method;
  if (request.body.has_value()) {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body->size()));
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request.body->data());
    if (method != "POST") {
      curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method.c_str());
    }
  } else if (method == "HEAD") {
    curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  } else if (method != "GET") {
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method.c_str());
  }
}

template <typename Value>
void Set(CURL* handle, CURLoption option, Value value) {
  CHECK(curl_easy_setopt(handle, option, value) == CURLE_OK);
}

// What all requests have alike.
void Prepare(CURL* handle) {
  Set(handle, CURLOPT_WRITEFUNCTION, &Transfer::OnBytes);
  Set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  Set(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  Set(handle, CURLOPT_MAXREDIRS, kRedirectsMax);
  Set(handle, CURLOPT_CONNECTTIMEOUT, kConnectSecondsMax);
  Set(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  Set(handle, CURLOPT_ACCEPT_ENCODING, "");  // all that curl can undo
  Set(handle, CURLOPT_NOSIGNAL, 1L);
  Set(handle, CURLOPT_USERAGENT, "remuda");
}

// Whether Configure() sets what the next request would not set anew.
bool IsSpecial(const HttpRequest& request) {
  return request.body.has_value() || request.method != "GET" ||
         !request.headers.empty() || request.url.find('@') != std::string::npos;
}

void Configure(CURL* handle, Transfer& transfer) {
  const HttpRequest& request = transfer.request;
  const auto set = [handle](CURLoption option, auto value) {
    Set(handle, option, value);
  };
  set(CURLOPT_PRIVATE, &transfer);
  set(CURLOPT_ERRORBUFFER, transfer.error_text);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_FOLLOWLOCATION, request.follow ? 1L : 0L);
  const auto silence =
      std::chrono::ceil<std::chrono::seconds>(request.silence_max);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(silence.count()));
  set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.bytes_max));
  SetMethod(handle, request);
  for (const auto& [name, value] : request.headers) {
    // curl takes a header without a value in this form only.
    const std::string line = value.empty() ? name + ";" : name + ": " + value;
    curl_slist* longer =
        curl_slist_append(transfer.headers.get(), line.c_str());
    CHECK(longer != nullptr);
    static_cast<void>(transfer.headers.release());
    transfer.headers.reset(longer);
  }
  if (transfer.headers) set(CURLOPT_HTTPHEADER, transfer.headers.get());
}

}  // namespace

// curl's multi interface on the loop. curl's sockets are gathered in one epoll
// descriptor, which the loop watches: level-triggered as curl expects, and a
// turn with many ready sockets costs the loop one wake-up.
class HttpClient::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(asio::io_context& loop, HttpClientLimits limits)
      : connections_max_(ConnectionsMax(limits.connections)),
        multi_(MakeMulti()),
        sockets_(loop, epoll_create1(EPOLL_CLOEXEC)),
        timer_(loop),
        budget_(std::make_shared<ByteLease::Budget>(limits.buffered)) {
    SetMulti(CURLMOPT_SOCKETFUNCTION, &Core::OnSocket);
    SetMulti(CURLMOPT_SOCKETDATA, this);
    SetMulti(CURLMOPT_TIMERFUNCTION, &Core::OnTimer);
    SetMulti(CURLMOPT_TIMERDATA, this);
    const long connections = static_cast<long>(connections_max_);
    SetMulti(CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
    SetMulti(CURLMOPT_MAXCONNECTS, connections);
  }

  ~Core() {
    idle_handles_.clear();
    // Closes the kept connections, which calls back.
    curl_multi_cleanup(multi_);
  }

  void Watch() {
    sockets_.async_wait(
        asio::posix::stream_descriptor::wait_read,
        [weak = weak_from_this()](const boost::system::error_code& error) {
          const auto core = weak.lock();
          if (error || core == nullptr) return;
          core->OnSocketsReady();
          core->Watch();
        });
  }

  void Close() {
    closed_ = true;
    sockets_.cancel();
    timer_.cancel();
  }

  void Begin(Transfer& transfer) {
    transfer.reads_small = transfers_ >= kLargeBuffersMax;
    if (idle_handles_.empty() || transfer.reads_small) {
      transfer.handle.reset(curl_easy_init());
      CHECK(transfer.handle != nullptr);
      Prepare(transfer.handle.get());
    } else {
      transfer.handle = std::move(idle_handles_.back());
      idle_handles_.pop_back();
    }
    Configure(transfer.handle.get(), transfer);
    Set(transfer.handle.get(), CURLOPT_NOPROXY,
        IsLocal(transfer.request.url) ? "*" : nullptr);
    if (transfer.reads_small) {
      CHECK(curl_easy_setopt(transfer.handle.get(), CURLOPT_BUFFERSIZE,
                             kSmallBufferBytes) == CURLE_OK);
    }
    SetConnection(transfer.handle.get(), transfer.request);
    ++transfers_;
    CHECK(curl_multi_add_handle(multi_, transfer.handle.get()) == CURLM_OK);
  }

  // Also stops it, if it has not ended.
  void End(Transfer& transfer) {
    curl_multi_remove_handle(multi_, transfer.handle.get());
    --transfers_;
    // A handle keeps the buffer that it has made.
    if (transfer.reads_small || idle_handles_.size() >= kIdleHandlesMax) {
      transfer.handle.reset();
      return;
    }
    if (IsSpecial(transfer.request)) {
      curl_easy_reset(transfer.handle.get());
      Prepare(transfer.handle.get());
    }
    // The one option whose buffer curl may write to later, and it is gone soon.
    Set(transfer.handle.get(), CURLOPT_ERRORBUFFER, nullptr);
    idle_handles_.push_back(std::move(transfer.handle));
  }

  ByteLease Lease() const { return ByteLease(budget_); }

 private:
  static CURLM* MakeMulti() {
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
    CURLM* multi = curl_multi_init();
    CHECK(multi != nullptr);
    return multi;
  }

  template <typename T>
  void SetMulti(CURLMoption option, T value) {
    CHECK(curl_multi_setopt(multi_, option, value) == CURLM_OK);
  }

  // Reading a URL takes its time, and most requests go to the server of the one
  // before.
  bool IsLocal(const std::string& url) {
    const size_t server = url.find("//");
    const size_t path = server == std::string::npos
                            ? server
                            : url.find_first_of("/?#", server + 2);
    const std::string_view origin = std::string_view(url).substr(0, path);
    if (origin != last_origin_) {
      last_origin_ = origin;
      last_is_local_ = IsLoopback(url);
    }
    return last_is_local_;
  }

  // Where no connection is idle, curl would look in vain at each one to the
  // same host, so that thousands of requests cost millions of looks. A request
  // that may have to wait for a connection takes the first that is free.
  void SetConnection(CURL* handle, const HttpRequest& request) {
    const bool fresh = idle_sockets_.empty() && transfers_ < connections_max_ &&
                       IsPlain(request.url);
    curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
    curl_easy_setopt(handle, CURLOPT_SOCKOPTFUNCTION, &Core::OnOpen);
    curl_easy_setopt(handle, CURLOPT_SOCKOPTDATA, this);
    curl_easy_setopt(handle, CURLOPT_CLOSESOCKETFUNCTION, &Core::OnClose);
    curl_easy_setopt(handle, CURLOPT_CLOSESOCKETDATA, this);
  }

  static int OnSocket(CURL*, curl_socket_t socket, int what, void* self,
                      void* watched) {
    return static_cast<Core*>(self)->WatchSocket(socket, what,
                                                 watched != nullptr);
  }

  // A connection that is kept stays watched as it was: its next request mostly
  // asks for the same, which saves two system calls of each.
  int WatchSocket(curl_socket_t socket, int what, bool watched) {
    const int epoll = sockets_.native_handle();
    const auto open = open_sockets_.find(socket);
    if (what == CURL_POLL_REMOVE) {
      if (open != open_sockets_.end()) {
        idle_sockets_.insert(socket);
      } else {
        epoll_ctl(epoll, EPOLL_CTL_DEL, socket, nullptr);
      }
      return 0;
    }
    epoll_event event = {};
    event.data.fd = socket;
    if (what & CURL_POLL_IN) event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
    const uint32_t before = open == open_sockets_.end() ? 0 : open->second;
    if (event.events != before) {
      const bool known = watched || before != 0;
      const int change = known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
      const int other = known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
      if (epoll_ctl(epoll, change, socket, &event) != 0 &&
          epoll_ctl(epoll, other, socket, &event) != 0) {
        return -1;
      }
      if (open != open_sockets_.end()) open->second = event.events;
    }
    if (!watched) {
      curl_multi_assign(multi_, socket, this);  // "watched", the next time
      idle_sockets_.erase(socket);
    }
    return 0;
  }

  void Unwatch(curl_socket_t socket) {
    const auto open = open_sockets_.find(socket);
    if (open == open_sockets_.end() || open->second == 0) return;
    epoll_ctl(sockets_.native_handle(), EPOLL_CTL_DEL, socket, nullptr);
    open->second = 0;
  }

  static int OnOpen(void* self, curl_socket_t socket, curlsocktype) {
    static_cast<Core*>(self)->open_sockets_[socket] = 0;
    return CURL_SOCKOPT_OK;
  }

  static int OnClose(void* self, curl_socket_t socket) {
    auto* const core = static_cast<Core*>(self);
    core->Unwatch(socket);
    core->open_sockets_.erase(socket);
    core->idle_sockets_.erase(socket);
    return close(socket);
  }

  static int OnTimer(CURLM*, long milliseconds, void* self) {
    static_cast<Core*>(self)->SetTimer(milliseconds);
    return 0;
  }

  // curl changes its mind with almost every request, and setting a timer is a
  // system call. So one that is too early is left alone until it fires.
  void SetTimer(long milliseconds) {
    if (closed_) return;
    if (milliseconds < 0) {
      due_ = TimePoint::max();
      return;
    }
    due_ = asio::steady_timer::clock_type::now() +
           std::chrono::milliseconds(milliseconds);
    if (milliseconds > 0) return SetAlarm();
    if (!std::exchange(posted_, true)) {
      asio::post(timer_.get_executor(), [weak = weak_from_this()] {
        if (const auto core = weak.lock()) core->OnPosted();
      });
    }
  }

  void OnPosted() {
    posted_ = false;
    OnAlarm();
  }

  void SetAlarm() {
    if (due_ >= alarm_) return;
    alarm_ = due_;
    timer_.expires_at(alarm_);
    timer_.async_wait(
        [weak = weak_from_this()](const boost::system::error_code& error) {
          const auto core = weak.lock();
          if (error || core == nullptr) return;
          core->alarm_ = TimePoint::max();
          core->OnAlarm();
        });
  }

  void OnAlarm() {
    if (closed_) return;
    if (due_ > asio::steady_timer::clock_type::now()) return SetAlarm();
    due_ = TimePoint::max();
    int running = 0;
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
    Reap();
  }

  void OnSocketsReady() {
    epoll_event events[kSocketsPerTurn];
    const int ready =
        epoll_wait(sockets_.native_handle(), events, kSocketsPerTurn, 0);
    for (int i = 0; i < ready; ++i) {
      if (idle_sockets_.contains(events[i].data.fd)) {
        // The server has closed it, which curl finds when it wants it again.
        Unwatch(events[i].data.fd);
        continue;
      }
      int what = 0;
      if (events[i].events & EPOLLIN) what |= CURL_CSELECT_IN;
      if (events[i].events & EPOLLOUT) what |= CURL_CSELECT_OUT;
      if (events[i].events & (EPOLLERR | EPOLLHUP)) what |= CURL_CSELECT_ERR;
      int running = 0;
      curl_multi_socket_action(multi_, events[i].data.fd, what, &running);
    }
    Reap();
  }

  void Reap() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Transfer* transfer = nullptr;
      const CURLcode code = message->data.result;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      transfer->code = code;
      transfer->done.Set();
    }
  }

  using TimePoint = asio::steady_timer::time_point;

  const size_t connections_max_;
  CURLM* const multi_;
  asio::posix::stream_descriptor sockets_;  // of curl: an epoll descriptor
  asio::steady_timer timer_;
  TimePoint due_ = TimePoint::max();    // when curl wants to be called
  TimePoint alarm_ = TimePoint::max();  // when the timer fires
  bool posted_ = false;                 // a call at once
  size_t transfers_ = 0;
  // Of connections; the idle ones are those that curl does not wait for: kept
  // connections, and for a moment perhaps others.
  absl::flat_hash_map<curl_socket_t, uint32_t> open_sockets_;  // watched for
  absl::flat_hash_set<curl_socket_t> idle_sockets_;
  const std::shared_ptr<ByteLease::Budget> budget_;
  std::vector<Handle> idle_handles_;
  std::string last_origin_;
  bool last_is_local_ = false;
  bool closed_ = false;
};

namespace {

HttpResponse TakeResponse(Transfer& transfer) {
  HttpResponse response{.url = transfer.request.url,
                        .status = 0,
                        .content_type = "",
                        .body = std::move(transfer.body),
                        .bytes_in = 0,
                        .bytes_out = 0,
                        .held = std::move(transfer.held)};
  CURL* handle = transfer.handle.get();
  const char* text = nullptr;
  long number = 0;
  curl_off_t bytes = 0;
  const auto count = [](auto value) {
    return value > 0 ? static_cast<uint64_t>(value) : 0;
  };
  curl_easy_getinfo(handle, CURLINFO_EFFECTIVE_URL, &text);
  if (text != nullptr) response.url = text;
  text = nullptr;
  curl_easy_getinfo(handle, CURLINFO_CONTENT_TYPE, &text);
  if (text != nullptr) response.content_type = text;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &number);
  response.status = static_cast<int>(number);
  curl_easy_getinfo(handle, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
  response.bytes_in += count(bytes);
  curl_easy_getinfo(handle, CURLINFO_HEADER_SIZE, &number);
  response.bytes_in += count(number);
  curl_easy_getinfo(handle, CURLINFO_SIZE_UPLOAD_T, &bytes);
  response.bytes_out += count(bytes);
  curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &number);
  response.bytes_out += count(number);
  return response;
}

absl::Status ErrorOf(const Transfer& transfer) {
  HttpFailure failure;
  failure.code = transfer.code;
  failure.url = transfer.request.url;
  failure.detail = transfer.error_text;
  const char* url = nullptr;
  CURL* handle = transfer.handle.get();
  curl_easy_getinfo(handle, CURLINFO_EFFECTIVE_URL, &url);
  if (url != nullptr) failure.url = url;
  long error_number = 0;
  curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, &error_number);
  failure.error_number = static_cast<int>(error_number);
  curl_off_t connect_time = 0;
  curl_easy_getinfo(handle, CURLINFO_CONNECT_TIME_T, &connect_time);
  failure.connected = connect_time > 0;
  failure.connect_seconds = kConnectSecondsMax;
  failure.silence_seconds =
      std::chrono::ceil<std::chrono::seconds>(transfer.request.silence_max)
          .count();
  failure.redirects_max = kRedirectsMax;
  failure.bytes_max = transfer.request.bytes_max;
  failure.too_large =
      transfer.too_large || transfer.code == CURLE_FILESIZE_EXCEEDED;
  failure.no_room = transfer.no_room;
  return StatusOf(failure);
}

}  // namespace

HttpClient::HttpClient(asio::io_context& loop, HttpClientLimits limits)
    : core_(std::make_shared<Core>(loop, limits)) {
  core_->Watch();
}

HttpClient::~HttpClient() { core_->Close(); }

asio::awaitable<absl::StatusOr<HttpResponse>, asio::any_io_executor>
HttpClient::Send(HttpRequest request) {
  const absl::Status checked = CheckRequest(request);
  if (!checked.ok()) co_return checked;
  const std::shared_ptr<Core> core = core_;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Transfer transfer(request, executor, core->Lease());
  core->Begin(transfer);
  // Also when the coroutine is destroyed while it waits.
  const std::unique_ptr<Transfer, std::function<void(Transfer*)>> end(
      &transfer, [&core](Transfer* ended) { core->End(*ended); });
  if (!co_await transfer.done.Wait()) {
    co_return absl::CancelledError("asked to stop");
  }
  if (transfer.code != CURLE_OK) co_return ErrorOf(transfer);
  co_return TakeResponse(transfer);
}

}  // namespace remuda
