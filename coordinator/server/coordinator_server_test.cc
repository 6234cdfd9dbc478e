#include "coordinator/server/coordinator_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "base/file_descriptor.h"
#include "coordinator/server/scripted_agent.h"
#include "coordinator/server/scripted_peer.h"
#include "jobs/items.h"

namespace remuda {
namespace {

constexpr char kInstance[] = "00112233445566778899aabbccddeeff";

// An address to come back to: ports that the kernel hands out by itself may be
// somebody else's by then, so it is none of those.
std::string LastingAddress() {
  for (int port = 16'384 + getpid() % 8'192;; ++port) {
    CHECK(port < 32'768);
    const UniqueFd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(probe.get(), reinterpret_cast<sockaddr*>(&address),
             sizeof(address)) == 0) {
      return "tcp://127.0.0.1:" + std::to_string(port);
    }
  }
}

class CoordinatorServerTest : public ::testing::Test {
 protected:
  CoordinatorServerTest()
      : folder_(
            std::string(::testing::TempDir()) + "/server_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    Start(LastingAddress());
  }
  ~CoordinatorServerTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  CoordinatorOptions Options(const std::string& listen) {
    CoordinatorOptions options;
    options.listen = listen;
    options.http = "127.0.0.1:0";
    options.data = folder_;
    options.version = "1.2.3";
    return options;
  }

  void Start(const std::string& listen) {
    auto server = CoordinatorServer::Start(Options(listen), context_);
    CHECK_OK(server);
    server_ = *std::move(server);
  }

  void Restart() {
    const std::string endpoint = server_->endpoint();
    server_->Stop();
    EXPECT_TRUE(server_->Join().ok());
    server_.reset();
    Start(endpoint);
    EXPECT_EQ(server_->endpoint(), endpoint);
  }

  JobId SubmitNoop(ScriptedPeer& client, const std::string& key,
                   uint64_t tasks) {
    const Accepted accepted = client.CallFor<Accepted>(
        Submit{.key = key, .jobs = {NoopJobJson(tasks)}});
    return accepted.jobs.at(0).id;
  }

  // Submits jobs until the store cannot write any more.
  void FillTheDisk() {
    signal(SIGXFSZ, SIG_IGN);
    Start("tcp://127.0.0.1:0");
    ScriptedPeer client(server_->endpoint(), context_);
    SubmitNoop(client, "first", 10);
    const rlimit limit = {.rlim_cur = 256u << 10, .rlim_max = RLIM_INFINITY};
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int i = 0; i < 10'000; ++i) {
      SubmitNoop(client, "key-" + std::to_string(i), 10);
    }
  }

  std::string folder_;
  WireContext context_;
  std::unique_ptr<CoordinatorServer> server_;
};

TEST_F(CoordinatorServerTest, ASubmissionThatWatchesHearsOfTheEndUnasked) {
  ScriptedAgent agent(server_->endpoint(), context_, kInstance);
  agent.works = false;
  agent.Register(100);
  ScriptedPeer client(server_->endpoint(), context_);
  const Submit submit = {.key = "k", .jobs = {NoopJobJson(2)}, .watch = true};
  const uint64_t number = client.Ask(submit);
  const JobSummary accepted =
      std::get<Accepted>(client.Reply(number)).jobs.at(0);
  ASSERT_TRUE(agent.peer().WaitUntil([&] { return !agent.granted.empty(); }));
  agent.Succeed(agent.granted.at(0));
  JobSummary said;
  // The test's threads are one: what the agent sends leaves while it waits.
  ASSERT_TRUE(agent.peer().WaitUntil([&] { return agent.acked > 0; }));
  do {
    said = std::get<JobSummaries>(client.Reply(number)).jobs.at(0);
    EXPECT_EQ(said.id, accepted.id);
  } while (!IsTerminal(said.state));
  EXPECT_EQ(said.state, JobState::kSucceeded);

  // Sent again when all is over: accepted before, and the end at once.
  const uint64_t again = client.Ask(submit);
  EXPECT_TRUE(std::get<Accepted>(client.Reply(again)).existed);
  said = std::get<JobSummaries>(client.Reply(again)).jobs.at(0);
  EXPECT_EQ(said.id, accepted.id);
  EXPECT_EQ(said.state, JobState::kSucceeded);
}

TEST_F(CoordinatorServerTest, SaysWhoItIs) {
  ScriptedPeer client(server_->endpoint(), context_);
  const Info info = client.CallFor<Info>(GetInfo{});
  EXPECT_EQ(info.version, "1.2.3");
  EXPECT_EQ(info.durability, "full");
  EXPECT_EQ(info.term.value, 1u);
  Restart();
  ScriptedPeer again(server_->endpoint(), context_);
  EXPECT_EQ(again.CallFor<Info>(GetInfo{}).term.value, 2u);
}

TEST_F(CoordinatorServerTest, AnAddressOffThisMachineIsRefused) {
  CoordinatorOptions options = Options("tcp://0.0.0.0:0");
  options.data += "_other";
  const auto server = CoordinatorServer::Start(options, context_);
  EXPECT_TRUE(absl::IsFailedPrecondition(server.status())) << server.status();
}

TEST_F(CoordinatorServerTest, ASecondOneOnTheFolderIsRefused) {
  const auto server =
      CoordinatorServer::Start(Options("tcp://127.0.0.1:0"), context_);
  EXPECT_TRUE(absl::IsFailedPrecondition(server.status())) << server.status();
}

TEST_F(CoordinatorServerTest, AJobRunsToItsEnd) {
  ScriptedPeer client(server_->endpoint(), context_);
  ScriptedAgent agent(server_->endpoint(), context_, kInstance);
  agent.Register(10'000);
  const JobId job = SubmitNoop(client, "key", 5'000);
  ASSERT_TRUE(agent.peer().WaitUntil([&] {
    uint64_t tasks = 0;
    for (const GrantedRange& range : agent.granted) tasks += range.tasks.count;
    return tasks == 5'000 && agent.acked > 0;
  }));
  const JobSummary end = client.WaitForEnd(job);
  EXPECT_EQ(end.state, JobState::kSucceeded);
  EXPECT_EQ(end.tasks[static_cast<size_t>(TaskState::kSucceeded)], 5'000u);
  EXPECT_EQ(end.attempts, 5'000u);

  std::set<TaskIndex> seen;
  ResultPage page;
  while (!page.end) {
    page = client.CallFor<ResultPage>(
        GetResults{.job = job, .first = page.next, .limit = 700});
    for (const TaskRow& row : page.tasks) {
      EXPECT_EQ(row.state, TaskState::kSucceeded);
      EXPECT_EQ(row.output, std::to_string(row.index));
      EXPECT_EQ(row.item, std::to_string(row.index));
      EXPECT_EQ(row.agent, "test-agent");
      seen.insert(row.index);
    }
  }
  EXPECT_EQ(seen.size(), 5'000u);
  const AgentSummaries agents = client.CallFor<AgentSummaries>(GetAgents{});
  ASSERT_EQ(agents.agents.size(), 1u);
  EXPECT_EQ(agents.agents[0].state, AgentState::kOnline);
  const JobSummaries jobs = client.CallFor<JobSummaries>(GetJobs{});
  ASSERT_EQ(jobs.jobs.size(), 1u);
  EXPECT_EQ(jobs.jobs[0].state, JobState::kSucceeded);
  EXPECT_EQ(client.WaitForEnd(job).state, JobState::kSucceeded)
      << "a watch of a finished job";
}

TEST_F(CoordinatorServerTest, AKeyGivesOneSubmission) {
  ScriptedPeer client(server_->endpoint(), context_);
  const Submit submit = {.key = "key", .jobs = {NoopJobJson(10)}};
  const Accepted first = client.CallFor<Accepted>(submit);
  EXPECT_FALSE(first.existed);
  for (int round = 0; round < 2; ++round) {
    ScriptedPeer other(server_->endpoint(), context_);
    const Accepted again = other.CallFor<Accepted>(submit);
    EXPECT_TRUE(again.existed);
    EXPECT_EQ(again.jobs.at(0).id, first.jobs.at(0).id);
    const ClientReply conflict =
        other.Call(Submit{.key = "key", .jobs = {NoopJobJson(11)}});
    ASSERT_TRUE(std::holds_alternative<RequestError>(conflict));
    EXPECT_EQ(std::get<RequestError>(conflict).code,
              RequestError::Code::kConflict);
    Restart();
  }
  ScriptedPeer last(server_->endpoint(), context_);
  EXPECT_EQ(last.CallFor<JobSummaries>(GetJobs{}).jobs.size(), 1u);
}

// A job that was accepted before under a new key takes a shortcut; under a key
// of this life or of an earlier one it is the job of that key.
// A client that does not wait for answers, right after the start, when nothing
// is known yet.
TEST_F(CoordinatorServerTest, ABurstOfManyJobsIsTaken) {
  Restart();
  ScriptedPeer client(server_->endpoint(), context_);
  std::vector<uint64_t> numbers;
  for (uint64_t i = 1; i <= 2'000; ++i) {
    numbers.push_back(client.Ask(
        Submit{.key = "key-" + std::to_string(i), .jobs = {NoopJobJson(i)}}));
  }
  for (size_t i = 0; i < numbers.size(); ++i) {
    const ClientReply reply = client.Reply(numbers[i]);
    const auto* accepted = std::get_if<Accepted>(&reply);
    ASSERT_NE(accepted, nullptr) << std::get<RequestError>(reply).message;
    EXPECT_EQ(accepted->jobs.at(0).total, i + 1);
  }
}

TEST_F(CoordinatorServerTest, AKnownJobUnderAnyKeyIsTheJobOfThatKey) {
  std::map<std::string, JobId> jobs;
  for (int life = 0; life < 3; ++life) {
    ScriptedPeer client(server_->endpoint(), context_);
    for (int i = 0; i < 20; ++i) {
      const std::string fresh = std::to_string(life) + "-" + std::to_string(i);
      jobs[fresh] = SubmitNoop(client, fresh, 10);
      for (const auto& [key, job] : jobs) {
        const Accepted again = client.CallFor<Accepted>(
            Submit{.key = key, .jobs = {NoopJobJson(10)}});
        ASSERT_TRUE(again.existed) << key;
        ASSERT_EQ(again.jobs.at(0).id, job) << key;
      }
    }
    // Over, they are known to the store alone after a restart.
    for (const auto& [key, job] : jobs) client.Call(CancelJob{.job = job});
    Restart();
  }
  std::set<JobId> different;
  for (const auto& [key, job] : jobs) different.insert(job);
  EXPECT_EQ(different.size(), jobs.size());
}

TEST_F(CoordinatorServerTest, ItemsTravelWithTheGrant) {
  ItemList list;
  for (int i = 0; i < 3'000; ++i) list.Append("\"" + std::to_string(i) + "\"");
  Job job;
  job.name = "test";
  job.type = "noop";
  job.executor.exactly = ExecutorKind::kAsync;
  job.tasks.kind = TaskSource::Kind::kList;
  job.tasks.written = TaskSource::Written::kItems;
  job.tasks.list_count = 3'000;
  ScriptedPeer client(server_->endpoint(), context_);
  const Submit submit = {.key = "key", .jobs = {JobToJson(job)}};
  EXPECT_TRUE(std::holds_alternative<RequestError>(client.Call(submit)))
      << "its items are missing";
  uint64_t offset = 0;
  while (offset < list.bytes().size()) {
    offset = client
                 .CallFor<UploadAccepted>(
                     UploadItems{.key = "key",
                                 .offset = offset,
                                 .bytes = list.bytes().substr(offset, 5'000)})
                 .bytes;
  }
  const JobId id = client.CallFor<Accepted>(submit).jobs.at(0).id;
  ScriptedAgent agent(server_->endpoint(), context_, kInstance);
  agent.Register(2'000);
  ASSERT_TRUE(
      agent.peer().WaitUntil([&] { return agent.granted.size() >= 1; }));
  std::string items;
  ASSERT_TRUE(agent.peer().WaitUntil([&] {
    items.clear();
    for (const GrantedRange& range : agent.granted) items += range.items;
    return items.size() >= list.bytes().size();
  }));
  EXPECT_EQ(items, list.bytes());
  EXPECT_EQ(client.WaitForEnd(id).state, JobState::kSucceeded);
  const ResultPage page = client.CallFor<ResultPage>(
      GetResults{.job = id, .first = 2'999, .limit = 1});
  EXPECT_EQ(page.tasks.at(0).item, "\"2999\"");
}

TEST_F(CoordinatorServerTest, WithoutASessionOneIsToldToSayHello) {
  ScriptedAgent agent(server_->endpoint(), context_, kInstance);
  agent.Beat(10);
  ASSERT_TRUE(agent.peer().WaitUntil([&] { return !agent.refusals.empty(); }));
  EXPECT_EQ(agent.refusals[0].code, Refusal::Code::kUnknownSession);
}

TEST_F(CoordinatorServerTest, ARestartKeepsRunningWork) {
  ScriptedPeer client(server_->endpoint(), context_);
  ScriptedAgent agent(server_->endpoint(), context_, kInstance);
  agent.works = false;
  agent.Register(500);
  const JobId job = SubmitNoop(client, "key", 500);
  ASSERT_TRUE(agent.peer().WaitUntil([&] {
    uint64_t tasks = 0;
    for (const GrantedRange& range : agent.granted) tasks += range.tasks.count;
    return tasks == 500;
  }));
  const std::vector<GrantedRange> granted = agent.granted;
  std::vector<FencedRange> held;
  for (const GrantedRange& range : granted) {
    held.push_back(
        {.job = range.job, .tasks = range.tasks, .fence = range.fence});
  }
  agent.granted.clear();
  for (int round = 0; round < 3; ++round) {
    const size_t connects = agent.peer().connects();
    Restart();
    ASSERT_TRUE(agent.peer().WaitUntil(
        [&] { return agent.peer().connects() > connects; }));
    agent.Register(500, held);
    EXPECT_TRUE(agent.welcome->fenced.empty());
  }
  for (const GrantedRange& range : granted) agent.Succeed(range);
  ScriptedPeer again(server_->endpoint(), context_);
  const JobSummary end = again.WaitForEnd(job);
  EXPECT_EQ(end.state, JobState::kSucceeded);
  EXPECT_EQ(end.attempts, 500u) << "nothing ran twice";
  EXPECT_EQ(end.infrastructure_losses, 0u);
  EXPECT_TRUE(agent.granted.empty());
}

TEST_F(CoordinatorServerTest, ACancelStopsWhatRuns) {
  ScriptedPeer client(server_->endpoint(), context_);
  ScriptedAgent agent(server_->endpoint(), context_, kInstance);
  agent.works = false;
  agent.Register(100);
  const JobId job = SubmitNoop(client, "key", 1'000);
  ASSERT_TRUE(agent.peer().WaitUntil([&] { return !agent.granted.empty(); }));
  const CancelReply cancelled =
      client.CallFor<CancelReply>(CancelJob{.job = job, .reason = "a test"});
  EXPECT_EQ(cancelled.result, CancelReply::Result::kCancelled);
  ASSERT_TRUE(agent.peer().WaitUntil([&] { return !agent.stops.empty(); }));
  EXPECT_EQ(agent.stops[0].reason, StopTasks::Reason::kCancelled);
  uint64_t held = 0;
  for (const GrantedRange& range : agent.granted) held += range.tasks.count;
  agent.Say(Goodbye{.reason = "over"});
  const JobSummary end = client.WaitForEnd(job);
  EXPECT_EQ(end.state, JobState::kCancelled);
  EXPECT_EQ(held, 100u);
  // Finished: from here on only the store knows it.
  const CancelReply late = client.CallFor<CancelReply>(CancelJob{.job = job});
  EXPECT_EQ(late.result, CancelReply::Result::kTooLate);
  const ResultPage page =
      client.CallFor<ResultPage>(GetResults{.job = job, .first = 999});
  EXPECT_EQ(page.tasks.at(0).state, TaskState::kCancelled);
}

TEST_F(CoordinatorServerTest, UnknownJobsAreNotFound) {
  ScriptedPeer client(server_->endpoint(), context_);
  for (const ClientRequest& request : std::vector<ClientRequest>{
           CancelJob{.job = {9}}, GetJobs{.ids = {{9}}},
           WatchJobs{.ids = {{9}}}, GetResults{.job = {9}},
           GetLogs{.job = {9}}}) {
    const ClientReply reply = client.Call(request);
    ASSERT_TRUE(std::holds_alternative<RequestError>(reply)) << request.index();
    EXPECT_EQ(std::get<RequestError>(reply).code,
              RequestError::Code::kNotFound);
  }
}

TEST_F(CoordinatorServerTest, WhoSendsNonsenseIsIgnoredAndNobodyElse) {
  ScriptedPeer hostile(server_->endpoint(), context_);
  ScriptedPeer client(server_->endpoint(), context_);
  for (int i = 0; i < 3; ++i) {
    hostile.SendFrame("this is no frame");
    EXPECT_EQ(std::get<Refusal>(hostile.Hear<Refusal>().message).code,
              Refusal::Code::kMalformed);
  }
  hostile.SendFrame("this is no frame either");
  const uint64_t unanswered = hostile.Ask(GetInfo{});
  EXPECT_EQ(client.CallFor<Info>(GetInfo{}).version, "1.2.3");
  // The two frames came first; had they been answered, we would have it now.
  ScriptedPeer newcomer(server_->endpoint(), context_);
  EXPECT_EQ(newcomer.CallFor<Info>(GetInfo{}).version, "1.2.3");
  EXPECT_EQ(hostile.frames(), 3u);
  EXPECT_GT(unanswered, 0u);
}

// GET of a path; all that comes until the other side closes.
std::string HttpGet(const std::string& address, const std::string& path) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(
      static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  CHECK_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  const std::string request =
      "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  CHECK_EQ(write(fd.get(), request.data(), request.size()),
           static_cast<ssize_t>(request.size()));
  std::string text;
  char buffer[16'384];
  ssize_t size = 0;
  while ((size = read(fd.get(), buffer, sizeof(buffer))) > 0) {
    text.append(buffer, static_cast<size_t>(size));
  }
  return text;
}

// The sum of all series of that name.
double Total(const std::string& metrics, const std::string& name) {
  double total = 0;
  std::istringstream lines(metrics);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(name + "{", 0) == 0 || line.rfind(name + " ", 0) == 0) {
      total += std::stod(line.substr(line.rfind(' ')));
    }
  }
  return total;
}

// The budget of the hot path, by the counters that operators see.
TEST_F(CoordinatorServerTest, MetricsShowWhatATaskCosts) {
  constexpr uint64_t kTasks = 64 * kTasksPerChunk;
  const std::string& http = server_->http_address();
  EXPECT_NE(HttpGet(http, "/livez").find("200"), std::string::npos);
  EXPECT_NE(HttpGet(http, "/readyz").find("200"), std::string::npos);
  const std::string before = HttpGet(http, "/metrics");
  ScriptedPeer client(server_->endpoint(), context_);
  ScriptedAgent agent(server_->endpoint(), context_, kInstance);
  agent.Register(kTasks);
  const JobId job = SubmitNoop(client, "key", kTasks);
  ASSERT_TRUE(agent.peer().WaitUntil([&] {
    uint64_t tasks = 0;
    for (const GrantedRange& range : agent.granted) tasks += range.tasks.count;
    return tasks == kTasks;
  }));
  EXPECT_EQ(client.WaitForEnd(job).state, JobState::kSucceeded);
  const std::string after = HttpGet(http, "/metrics");
  const auto grown = [&](const std::string& name) {
    return Total(after, name) - Total(before, name);
  };
  EXPECT_EQ(grown("remuda_tasks_finished_total"), kTasks);
  EXPECT_EQ(grown("remuda_attempts_finished_total"), kTasks);
  EXPECT_EQ(Total(after, "remuda_submissions_total"), 1);
  EXPECT_EQ(Total(after, "remuda_jobs_finished_total"), 1);
  EXPECT_EQ(grown("remuda_submit_duration_seconds_count"), 1);
  EXPECT_GT(grown("remuda_store_rows_total"), 0);
  EXPECT_LE(grown("remuda_store_rows_total"), 0.01 * kTasks);
  EXPECT_GT(grown("remuda_store_commit_duration_seconds_count"), 0);
  EXPECT_LE(grown("remuda_store_commit_duration_seconds_count"), 0.01 * kTasks);
  EXPECT_GT(grown("remuda_transport_messages_total"), 0);
  EXPECT_LE(grown("remuda_transport_messages_total"), 0.05 * kTasks);
  EXPECT_EQ(Total(after, "remuda_agents"), 1);
  EXPECT_GT(Total(after, "remuda_store_size_bytes"), 0);
}

using CoordinatorServerDeathTest = CoordinatorServerTest;

// R33: nobody is told "accepted" when the disk refuses, and the process ends.
TEST_F(CoordinatorServerDeathTest, AFullDiskEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  server_.reset();
  EXPECT_EXIT(FillTheDisk(),
              ::testing::ExitedWithCode(CoordinatorServer::kStorageExitCode),
              "store_failed");
}

}  // namespace
}  // namespace remuda
