#include "seats.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace tvm_bnn {

namespace {

// A thread that serves one caller at a time.
class Seat {
 public:
  Seat() {
    std::thread([this] { Serve(); }).detach();
  }

  void Run(const std::function<void()>& function) {
    std::unique_lock<std::mutex> lock(lock_);
    function_ = &function;
    changed_.notify_all();
    changed_.wait(lock, [this] { return function_ == nullptr; });
    if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  [[noreturn]] void Serve() {
    std::unique_lock<std::mutex> lock(lock_);
    while (true) {
      changed_.wait(lock, [this] { return function_ != nullptr; });
      try {
        (*function_)();
      } catch (...) {
        error_ = std::current_exception();
      }
      function_ = nullptr;
      changed_.notify_all();
    }
  }

  std::mutex lock_;
  std::condition_variable changed_;
  const std::function<void()>* function_ = nullptr;
  std::exception_ptr error_;
};

std::mutex seats_lock;
// Never destroyed: the threads are still there while the process ends.
std::vector<Seat*>& IdleSeats() {
  static auto* idle = new std::vector<Seat*>;
  return *idle;
}

Seat* Taken() {
  {
    const std::lock_guard<std::mutex> lock(seats_lock);
    std::vector<Seat*>& idle = IdleSeats();
    if (!idle.empty()) {
      Seat* seat = idle.back();
      idle.pop_back();
      return seat;
    }
  }
  return new Seat;
}

void PutBack(Seat* seat) {
  const std::lock_guard<std::mutex> lock(seats_lock);
  IdleSeats().push_back(seat);
}

}  // namespace

void OnLastingThread(const std::function<void()>& function) {
  if (syscall(SYS_gettid) == getpid()) {
    function();
    return;
  }
  const std::unique_ptr<Seat, decltype(&PutBack)> seat(Taken(), &PutBack);
  seat->Run(function);
}

}  // namespace tvm_bnn
