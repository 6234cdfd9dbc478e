#include "wire/codec.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"

namespace remuda {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Term kTerm{7};
constexpr SessionId kSession{0x0102030405060708};

const std::vector<FencedRange> kRanges = {
    {.job = JobId{3}, .tasks = {.first = 0, .count = 1024}, .fence = Fence{1}},
    {.job = JobId{3}, .tasks = {.first = 4096, .count = 2}, .fence = Fence{9}},
    {.job = JobId{8}, .tasks = {.first = 17, .count = 1}, .fence = Fence{2}}};

JobFinding AnyFinding() {
  return {.code = "loop_blocked",
          .text = std::string("time.sleep blocks \xff", 19),
          .function = "work",
          .file = "/a/b.py",
          .line = 12,
          .task = 0,
          .count = 3,
          .longest = milliseconds(1'960)};
}

Heartbeat AnyHeartbeat() {
  return Heartbeat{
      .sequence = 5,
      .last_grant = 4,
      .credits = {{.executor = ExecutorKind::kThreadPool, .tasks = 640},
                  {.executor = ExecutorKind::kAsync, .tasks = 0}},
      .backlogs = {{.executor = ExecutorKind::kThreadPool,
                    .work = WorkKey{0xfedcba9876543210u},
                    .tasks = 600},
                   {.executor = ExecutorKind::kAsync,
                    .work = WorkKey{7},
                    .tasks = 1}},
      .begun =
          {{.executor = ExecutorKind::kThreadPool,
            .attempt = {.job = JobId{3}, .task = 4096, .fence = Fence{9}}}},
      .held_tasks = 17,
      .loop_lag = milliseconds(3),
      .draining = true};
}

std::vector<AgentMessage> AgentMessages() {
  const EndingRun failed{.tasks = {.first = 1030, .count = 1},
                         .fence = Fence{2},
                         .ending = Ending::kError,
                         .exit_code = -3,
                         .started = true};
  const EndingRun returned{.tasks = {.first = 1031, .count = 5},
                           .fence = Fence{1},
                           .ending = Ending::kEvicted,
                           .exit_code = 0,
                           .started = false};
  return {
      Hello{.protocol_min = 1,
            .protocol_max = 3,
            .version = "1.2.3",
            .name = "host-1",
            .instance = "00112233445566778899aabbccddeeff",
            .process = "0123456789abcdef",
            .executors = {{.kind = ExecutorKind::kAsync, .slots = 10'000},
                          {.kind = ExecutorKind::kProcessPool, .slots = 4}},
            .job_types = {"noop", "http.crawl"},
            .labels = {{"zone", "a"}, {"disk", "ssd"}},
            .memory_bytes = 7,
            .held = kRanges,
            .waiting = {kRanges[2]},
            .draining = true,
            .number = 12,
            .results_first = 99,
            .says_backlogs = true},
      Hello{},
      AnyHeartbeat(),
      Heartbeat{},
      Results{.sequence = 77,
              .batches = {{.job = JobId{3},
                           .executor = ExecutorKind::kAsync,
                           .runs = {{.tasks = {.first = 1024, .count = 6},
                                     .fence = Fence{1}},
                                    failed,
                                    returned},
                           .records = std::string("\0\xff bytes", 8)},
                          {.job = JobId{4},
                           .executor = ExecutorKind::kProcessPool,
                           .runs = {{.tasks = {.first = 0, .count = 1024},
                                     .fence = Fence{1}}},
                           .records = ""}},
              .begun = {{.executor = ExecutorKind::kAsync,
                         .attempt = {.job = JobId{3},
                                     .task = 1031,
                                     .fence = Fence{1}}}}},
      LogChunk{.sequence = 78,
               .attempt = {.job = JobId{3}, .task = 1030, .fence = Fence{2}},
               .stream = 2,
               .offset = 262'144,
               .bytes = std::string("a\0b\xfe", 4)},
      Goodbye{.reason = "drained"},
      Findings{
          .items = {{.job = JobId{3}, .finding = AnyFinding()},
                    {.job = JobId{4}, .finding = {.code = "other"}}},
          .progress = {{.job = JobId{3},
                        .task = {.task = 9, .fraction = 0.5, .text = "half"}}}},
  };
}

std::vector<CoordinatorMessage> CoordinatorMessages() {
  return {
      Welcome{.protocol = 1,
              .term = kTerm,
              .session = kSession,
              .agent = AgentId{5},
              .lease = seconds(30),
              .heartbeat_interval = seconds(2),
              .fenced = kRanges,
              .generation = "0123abcd"},
      Refusal{.code = Refusal::Code::kForbidden, .reason = "key withdrawn"},
      Refusal{.code = Refusal::Code::kSuperseded, .reason = "another"},
      HeartbeatAck{.sequence = 5, .at = WallTime(seconds(1'700'000'000))},
      Grant{.sequence = 6,
            .definitions = {{.job = JobId{3}, .job_json = R"({"a":1})"}},
            .ranges = {{.job = JobId{3},
                        .executor = ExecutorKind::kThreadPool,
                        .tasks = {.first = 2048, .count = 2},
                        .fence = Fence{1},
                        .items = "\"x\"\n\"y\"\n"},
                       {.job = JobId{9},
                        .executor = ExecutorKind::kAsync,
                        .tasks = {.first = 0, .count = 1'000'000},
                        .fence = Fence{3},
                        .items = ""}}},
      StopTasks{.reason = StopTasks::Reason::kRetracted,
                .items = {{.job = JobId{3}, .whole_job = true, .tasks = {}},
                          {.job = JobId{4},
                           .whole_job = false,
                           .tasks = {{.first = 0, .count = 3},
                                     {.first = 3, .count = 1},
                                     {.first = 900, .count = 124}}}}},
      ResultsAck{.up_to = 78},
  };
}

std::vector<ClientRequest> Requests() {
  return {
      UploadItems{.key = "k1", .document = 63, .offset = 9, .bytes = "1\n"},
      Submit{.key = "k1", .jobs = {"{}", R"({"name":"b"})"}},
      Submit{.key = "k2", .jobs = {"{}"}, .watch = true},
      CancelJob{.job = JobId{3}, .reason = "by hand"},
      GetJobs{.ids = {JobId{3}, JobId{4}}, .limit = 5},
      WatchJobs{.ids = {JobId{4}}},
      GetResults{.job = JobId{3},
                 .first = 1024,
                 .limit = 10,
                 .only_not_succeeded = true,
                 .with_records = false},
      GetLogs{.job = JobId{3},
              .task = 5,
              .stream = 2,
              .offset = 100,
              .bytes_max = 7},
      GetAgents{},
      GetInfo{},
      GetVerdicts{.job = JobId{3}},
  };
}

JobSummary AnySummary() {
  return {.id = JobId{3},
          .name = "crawl",
          .type = "http.crawl",
          .state = JobState::kCancelling,
          .executor = ExecutorKind::kAsync,
          .executor_reason = "it waits for the network",
          .total = 36,
          .slots_each = 4,
          .tasks = {1, 2, 3, 4, 5, 6, 7, 8},
          .attempts = 40,
          .infrastructure_losses = 4,
          .accepted_at = WallTime(seconds(1'700'000'000)),
          .started_at = WallTime(seconds(1'700'000'001)),
          .finished_at = std::nullopt,
          .reason = std::string("bytes \xff", 7),
          .owner = "alice",
          .findings = {AnyFinding(), {.code = "gil_enabled"}},
          .progress = {{.task = 7, .fraction = 0.25, .text = "a quarter"}}};
}

std::vector<ClientReply> Replies() {
  TaskRow row{.index = 5,
              .state = TaskState::kTimedOut,
              .item = R"("x")",
              .attempts = 3,
              .infrastructure_losses = 1,
              .ending = Ending::kTimeout,
              .exit_code = -1,
              .executor = ExecutorKind::kThreadPool,
              .agent = "host-1",
              .ended_at = WallTime(seconds(1'700'000'002)),
              .wall = seconds(30),
              .output = "{}",
              .error = "took longer than 30s",
              .usage = {.cpu = milliseconds(5),
                        .run_queue_delay = milliseconds(1),
                        .switches_voluntary = 1,
                        .switches_involuntary = 2,
                        .memory_max_bytes = 4096,
                        .gil_wait = Duration::zero(),
                        .gil_held = milliseconds(4),
                        .loop_wait = milliseconds(5),
                        .loop_lag = milliseconds(9),
                        .bytes_in = 0,
                        .bytes_out = 3}};
  return {
      UploadAccepted{.bytes = 512},
      Accepted{.jobs = {AnySummary(), JobSummary{}}, .existed = true},
      CancelReply{.result = CancelReply::Result::kTooLate, .job = AnySummary()},
      JobSummaries{.jobs = {AnySummary()}},
      ResultPage{.tasks = {row, TaskRow{}}, .next = 6, .end = true},
      LogPage{.bytes = std::string("\0x", 2),
              .next = 2,
              .end = true,
              .truncated = true,
              .found = true},
      AgentSummaries{.agents = {{.id = AgentId{5},
                                 .name = "host-1",
                                 .state = AgentState::kDraining,
                                 .executors = {{"async", 10'000}},
                                 .labels = {{"zone", "a"}},
                                 .running = 3,
                                 .job_types = {"noop", "sleep"}}}},
      Info{.version = "1.2.3", .term = Term{7}, .durability = "full"},
      RequestError{.code = RequestError::Code::kConflict,
                   .message = "the key was used for something else"},
      Verdicts{.verdicts = {R"({"code":"stay"})", "{}"}},
  };
}

// Every frame that this build can make.
std::vector<std::string> AllFrames() {
  std::vector<std::string> frames;
  for (const auto& m : AgentMessages()) {
    frames.push_back(EncodeAgent(m, kTerm, kSession));
  }
  for (const auto& m : CoordinatorMessages()) {
    frames.push_back(EncodeCoordinator(m, kTerm, kSession));
  }
  for (const auto& m : Requests()) frames.push_back(EncodeRequest(m, 42));
  for (const auto& m : Replies()) frames.push_back(EncodeReply(m, 42));
  return frames;
}

TEST(Codec, AgentMessagesComeBackAsTheyWere) {
  for (const AgentMessage& message : AgentMessages()) {
    auto decoded = DecodeIncoming(EncodeAgent(message, kTerm, kSession));
    ASSERT_TRUE(decoded.ok()) << decoded.status() << " " << message.index();
    const auto* frame = std::get_if<AgentFrame>(&*decoded);
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->term, kTerm);
    EXPECT_EQ(frame->session, kSession);
    EXPECT_TRUE(frame->message == message) << message.index();
  }
}

TEST(Codec, CoordinatorMessagesComeBackAsTheyWere) {
  for (const CoordinatorMessage& message : CoordinatorMessages()) {
    auto decoded =
        DecodeCoordinator(EncodeCoordinator(message, kTerm, kSession));
    ASSERT_TRUE(decoded.ok()) << decoded.status() << " " << message.index();
    EXPECT_EQ(decoded->term, kTerm);
    EXPECT_EQ(decoded->session, kSession);
    EXPECT_TRUE(decoded->message == message) << message.index();
  }
}

TEST(Codec, RequestsAndRepliesComeBackAsTheyWere) {
  for (const ClientRequest& request : Requests()) {
    auto decoded = DecodeIncoming(EncodeRequest(request, 42));
    ASSERT_TRUE(decoded.ok()) << decoded.status() << " " << request.index();
    const auto* frame = std::get_if<RequestFrame>(&*decoded);
    ASSERT_NE(frame, nullptr);
    EXPECT_EQ(frame->number, 42u);
    EXPECT_TRUE(frame->request == request) << request.index();
  }
  for (const ClientReply& reply : Replies()) {
    auto decoded = DecodeReply(EncodeReply(reply, 43));
    ASSERT_TRUE(decoded.ok()) << decoded.status() << " " << reply.index();
    EXPECT_EQ(decoded->number, 43u);
    EXPECT_TRUE(decoded->reply == reply) << reply.index();
  }
}

TEST(Codec, TheListsAboveHoldEveryMessage) {
  const auto kinds = [](const auto& messages) {
    std::set<size_t> seen;
    for (const auto& message : messages) seen.insert(message.index());
    return seen.size();
  };
  EXPECT_EQ(kinds(AgentMessages()), std::variant_size_v<AgentMessage>);
  EXPECT_EQ(kinds(CoordinatorMessages()),
            std::variant_size_v<CoordinatorMessage>);
  EXPECT_EQ(kinds(Requests()), std::variant_size_v<ClientRequest>);
  EXPECT_EQ(kinds(Replies()), std::variant_size_v<ClientReply>);
}

TEST(Codec, TheHeaderIsTheseBytes) {
  const std::string frame =
      EncodeCoordinator(HeartbeatAck{.sequence = 0x1122}, kTerm, kSession);
  const std::string expected(
      "RMDA"
      "\x01\x00"                          // version
      "\x22"                              // type
      "\x00"                              // flags
      "\x00\x00\x00\x00"                  // body length
      "\x07\x00\x00\x00\x00\x00\x00\x00"  // term
      "\x08\x07\x06\x05\x04\x03\x02\x01"  // session
      "\x22\x11\x00\x00\x00\x00\x00\x00",
      kFrameHeaderBytes);
  EXPECT_EQ(frame, expected);
}

TEST(Codec, TypesHaveNames) {
  const auto name = [](const std::string& frame) {
    return FrameTypeName(DecodeHeader(frame)->type);
  };
  EXPECT_EQ(name(EncodeAgent(Goodbye{}, {}, {})), "goodbye");
  EXPECT_EQ(name(EncodeCoordinator(ResultsAck{}, {}, {})), "results_ack");
  EXPECT_EQ(name(EncodeRequest(GetInfo{}, 1)), "get_info");
  EXPECT_EQ(name(EncodeReply(RequestError{}, 1)), "request_error");
  EXPECT_EQ(FrameTypeName(0), "unknown");
  EXPECT_EQ(FrameTypeName(31), "unknown");
  EXPECT_EQ(FrameTypeName(255), "unknown");
}

TEST(Codec, AnotherVersionIsNamed) {
  std::string frame = EncodeAgent(Heartbeat{}, kTerm, kSession);
  frame[4] = 9;
  const auto decoded = DecodeIncoming(frame);
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(decoded.status().message(),
            "the peer speaks protocol 9, this build 1 to 1");
  // The header is readable all the same, so that the answer can be addressed.
  ASSERT_TRUE(DecodeHeader(frame).ok());
  EXPECT_EQ(DecodeHeader(frame)->version, 9);
}

TEST(Codec, ARefusalIsUnderstoodInAnyVersion) {
  std::string refusal = EncodeCoordinator(
      Refusal{.code = Refusal::Code::kVersion, .reason = "too old"}, {}, {});
  refusal[4] = 9;
  EXPECT_TRUE(DecodeCoordinator(refusal).ok());
  std::string error = EncodeReply(RequestError{.message = "too old"}, 1);
  error[4] = 9;
  EXPECT_TRUE(DecodeReply(error).ok());
}

TEST(Codec, UnknownTypeIsUnimplemented) {
  for (const int type : {0, 7, 31, 74, 128, 255}) {
    std::string frame = EncodeAgent(Goodbye{}, kTerm, kSession);
    frame[6] = static_cast<char>(type);
    EXPECT_EQ(DecodeIncoming(frame).status().code(),
              absl::StatusCode::kUnimplemented)
        << type;
  }
}

TEST(Codec, NobodySpeaksForAnother) {
  const auto code = [](const auto& result) { return result.status().code(); };
  const auto invalid = absl::StatusCode::kInvalidArgument;
  const std::string agent = EncodeAgent(Goodbye{}, kTerm, kSession);
  const std::string coordinator = EncodeCoordinator(ResultsAck{}, {}, {});
  const std::string request = EncodeRequest(GetInfo{}, 1);
  EXPECT_EQ(code(DecodeIncoming(coordinator)), invalid);
  EXPECT_EQ(code(DecodeIncoming(EncodeReply(Info{}, 1))), invalid);
  EXPECT_EQ(code(DecodeCoordinator(agent)), invalid);
  EXPECT_EQ(code(DecodeReply(request)), invalid);
}

TEST(Codec, CutOrLongerFramesAreRefused) {
  for (const std::string& frame : AllFrames()) {
    for (size_t size = 0; size < frame.size(); ++size) {
      EXPECT_FALSE(DecodeHeader(frame.substr(0, size)).ok());
    }
    EXPECT_FALSE(DecodeHeader(frame + "x").ok());
  }
}

absl::Status ResultsStatus(std::vector<EndingRun> runs) {
  const Results results{
      .sequence = 1,
      .batches = {{.job = JobId{1}, .runs = std::move(runs), .records = ""}}};
  return DecodeIncoming(EncodeAgent(results, kTerm, kSession)).status();
}

EndingRun EndedRun(uint64_t first, uint64_t count) {
  EndingRun run;
  run.tasks = {.first = first, .count = count};
  run.fence = Fence{1};
  return run;
}

TEST(Codec, ResultsStayWithinTheirChunk) {
  EXPECT_TRUE(ResultsStatus({EndedRun(1023, 1)}).ok());
  EXPECT_EQ(ResultsStatus({EndedRun(1023, 2)}).message(),
            "results of more than one chunk");
  EXPECT_EQ(ResultsStatus({EndedRun(1023, 1), EndedRun(1024, 1)}).message(),
            "results of more than one chunk");
  EXPECT_FALSE(ResultsStatus({}).ok());
}

TEST(Codec, ImpossibleValuesAreRefused) {
  const auto grant = [](IndexRange tasks, ExecutorKind executor) {
    return DecodeCoordinator(
               EncodeCoordinator(Grant{.sequence = 1,
                                       .definitions = {},
                                       .ranges = {{.job = JobId{1},
                                                   .executor = executor,
                                                   .tasks = tasks,
                                                   .fence = Fence{1},
                                                   .items = ""}}},
                                 kTerm, kSession))
        .ok();
  };
  constexpr auto kAsync = ExecutorKind::kAsync;
  EXPECT_TRUE(grant({.first = 5, .count = 1}, kAsync));
  EXPECT_FALSE(grant({.first = 5, .count = 0}, kAsync));
  EXPECT_FALSE(grant({.first = 5, .count = UINT64_MAX - 4}, kAsync));
  EXPECT_FALSE(grant({.first = 5, .count = 1}, static_cast<ExecutorKind>(3)));
  LogChunk chunk;
  chunk.stream = 3;
  EXPECT_FALSE(DecodeIncoming(EncodeAgent(chunk, {}, {})).ok());
  GetLogs logs;
  logs.stream = 0;
  EXPECT_FALSE(DecodeIncoming(EncodeRequest(logs, 1)).ok());
  UploadItems upload;
  upload.document = Submit::kJobsMax;
  EXPECT_FALSE(DecodeIncoming(EncodeRequest(upload, 1)).ok());
}

TEST(Codec, AnAgentsNameIsUtf8) {
  std::string frame = EncodeAgent(Goodbye{.reason = "\xff"}, {}, {});
  EXPECT_TRUE(DecodeIncoming(frame).ok());
  Hello hello;
  hello.name = "abc";
  frame = EncodeAgent(hello, {}, {});
  EXPECT_TRUE(DecodeIncoming(frame).ok());
  frame[frame.find("abc")] = '\xff';
  EXPECT_FALSE(DecodeIncoming(frame).ok());
}

TEST(Codec, ListsAreBounded) {
  const auto watch = [](size_t count) {
    return DecodeIncoming(
        EncodeRequest(WatchJobs{std::vector<JobId>(count, JobId{1})}, 1));
  };
  EXPECT_TRUE(watch(kWireListMax).ok());
  EXPECT_FALSE(watch(kWireListMax + 1).ok());
}

TEST(Codec, DamagedFramesNeverCrash) {
  const std::vector<std::string> frames = AllFrames();
  Random random(11);
  size_t refused = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string frame = frames[random.Below(frames.size())];
    for (uint64_t flips = 1 + random.Below(6); flips > 0; --flips) {
      frame[random.Below(frame.size())] ^=
          static_cast<char>(1u << random.Below(8));
    }
    // Now and then with a body that ends early but says so.
    if (random.Below(3) == 0 && frame.size() > kFrameHeaderBytes) {
      frame.resize(kFrameHeaderBytes +
                   random.Below(frame.size() - kFrameHeaderBytes));
      const size_t body = frame.size() - kFrameHeaderBytes;
      frame[8] = static_cast<char>(body & 0xff);
      frame[9] = static_cast<char>(body >> 8);
    }
    refused += DecodeIncoming(frame).ok() ? 0 : 1;
    refused += DecodeCoordinator(frame).ok() ? 0 : 1;
    refused += DecodeReply(frame).ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 60'000u);
}

TEST(CodecTest, FindingsBeyondTheirLimitsAreRefused) {
  const auto decodes = [](const JobFinding& finding, size_t count) {
    Findings findings;
    findings.items.assign(count, {.job = JobId{3}, .finding = finding});
    return DecodeIncoming(EncodeAgent(findings, kTerm, kSession)).ok();
  };
  EXPECT_TRUE(decodes(AnyFinding(), Findings::kItemsMax));
  EXPECT_FALSE(decodes(AnyFinding(), Findings::kItemsMax + 1));
  EXPECT_FALSE(decodes({.code = "Odd Code"}, 1));
  EXPECT_FALSE(decodes({.code = ""}, 1));
  EXPECT_FALSE(decodes({.code = "other", .text = std::string(513, 'x')}, 1));
  EXPECT_FALSE(decodes({.code = "other", .longest = seconds(-1)}, 1));
}

TEST(CodecTest, ManyJobsLeaveFindingsOutRatherThanFillTheFrame) {
  JobSummary job = AnySummary();
  job.findings.assign(
      kJobFindingsMax,
      {.code = "other", .text = std::string(JobFinding::kTextBytesMax, 'x')});
  const absl::StatusOr<ReplyFrame> reply =
      DecodeReply(EncodeReply(JobSummaries{.jobs = {100, job}}, 1));
  ASSERT_TRUE(reply.ok()) << reply.status();
  const auto& jobs = std::get<JobSummaries>(reply->reply).jobs;
  EXPECT_EQ(jobs.front().findings.size(), kJobFindingsMax);
  EXPECT_TRUE(jobs.back().findings.empty());
}

}  // namespace
}  // namespace remuda
