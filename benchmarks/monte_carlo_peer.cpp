// The Lennard-Jones fluid under gravity in C++, N = 30, two dimensions: what a compiled sampler does.
//
//     g++ -O3 monte_carlo_peer.cpp -o peer; ./peer plain GAMMA STEP TELEPORT SWEEPS EVERY SEED > records
//
// "plain" is one chain in double precision, written as one would; "lanes" is 32 chains in single precision, each in a
// lane of the vector registers. Both do sequential sweeps in a box of side 10 at T = 0.75, cut-off 3, and keep a
// coordinate that would leave the box. A record is (energy, mean height) as two doubles a chain; standard error gets
// the seconds of CPU and the acceptance.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>

constexpr int N = 30, LANES = 32;
constexpr double BOX = 10, TEMPERATURE = 0.75, CUTOFF = 3;

struct Protocol {
    double gravity, step, teleport;
    long sweeps, every;
    unsigned seed;
};

class Plain {
    double x[N], y[N];
    std::mt19937_64 engine;
    std::uniform_real_distribution<double> uniform{0, 1};

    double pairs(int skip, double a, double b) const {
        double sum = 0;
        for (int j = 0; j < N; j++) {
            if (j == skip) continue;
            const double dx = a - x[j], dy = b - y[j], r2 = dx * dx + dy * dy;
            if (r2 > CUTOFF * CUTOFF) continue;
            const double p = 1 / (r2 * r2 * r2);
            sum += 4 * p * (p - 1);
        }
        return sum;
    }

    static double kept(double to, double from) { return to < 0 || to > BOX ? from : to; }

  public:
    static constexpr int chains = 1;

    explicit Plain(unsigned seed) : engine(seed) {
        for (int i = 0; i < N; i++) {
            x[i] = BOX * uniform(engine);
            y[i] = BOX * uniform(engine);
        }
    }

    long sweep(const Protocol &p) {
        long accepted = 0;
        for (int i = 0; i < N; i++) {
            const bool jump = p.teleport > 0 && uniform(engine) < p.teleport;
            const double u = uniform(engine), v = uniform(engine);
            const double a = jump ? BOX * u : kept(x[i] + p.step * (2 * u - 1), x[i]);
            const double b = jump ? BOX * v : kept(y[i] + p.step * (2 * v - 1), y[i]);
            const double rise = pairs(i, a, b) - pairs(i, x[i], y[i]) + p.gravity * (b - y[i]);
            if (rise <= 0 || uniform(engine) < std::exp(-rise / TEMPERATURE)) {
                x[i] = a;
                y[i] = b;
                accepted++;
            }
        }
        return accepted;
    }

    void record(double gravity) const {
        double energy = 0, height = 0;
        for (int i = 0; i < N; i++) {
            energy += pairs(i, x[i], y[i]) / 2;
            height += y[i];
        }
        const double both[2] = {energy + gravity * height, height / N};
        fwrite(both, sizeof both, 1, stdout);
    }
};

class Lanes {
    alignas(64) float x[N][LANES], y[N][LANES];
    alignas(64) uint32_t state[LANES];

    static float uniform(uint32_t &s) {
        s ^= s << 13;
        s ^= s >> 17;
        s ^= s << 5;
        return (s >> 8) * 0x1p-24f;
    }

    static float pair(float dx, float dy) {
        const float r2 = dx * dx + dy * dy, q = 1 / std::max(r2, 1e-3f), p = q * q * q;
        return r2 < float(CUTOFF * CUTOFF) ? 4 * p * (p - 1) : 0.0f;
    }

    static float kept(float to, float from) { return to < 0 || to > float(BOX) ? from : to; }

  public:
    static constexpr int chains = LANES;

    explicit Lanes(unsigned seed) {
        std::mt19937 engine(seed);
        for (auto &s : state) s = engine() | 1;
        for (int i = 0; i < N; i++)
            for (int w = 0; w < LANES; w++) {
                x[i][w] = float(BOX) * uniform(state[w]);
                y[i][w] = float(BOX) * uniform(state[w]);
            }
    }

    long sweep(const Protocol &p) {
        const float step = p.step, teleport = p.teleport, gravity = p.gravity;
        alignas(64) float a[LANES], b[LANES], rise[LANES], luck[LANES];
        long accepted = 0;
        for (int i = 0; i < N; i++) {
            for (int w = 0; w < LANES; w++) {
                uint32_t s = state[w];
                const float u = uniform(s), v = uniform(s), jump = uniform(s);
                luck[w] = uniform(s);
                state[w] = s;
                const float near_x = kept(x[i][w] + step * (2 * u - 1), x[i][w]);
                const float near_y = kept(y[i][w] + step * (2 * v - 1), y[i][w]);
                a[w] = jump < teleport ? float(BOX) * u : near_x;
                b[w] = jump < teleport ? float(BOX) * v : near_y;
                rise[w] = gravity * (b[w] - y[i][w]);
            }
            for (int j = 0; j < N; j++) {
                if (j == i) continue;
                for (int w = 0; w < LANES; w++)
                    rise[w] += pair(a[w] - x[j][w], b[w] - y[j][w]) - pair(x[i][w] - x[j][w], y[i][w] - y[j][w]);
            }
            for (int w = 0; w < LANES; w++) {
                const bool yes = luck[w] < std::exp(std::min(0.0f, -rise[w] / float(TEMPERATURE)));
                x[i][w] = yes ? a[w] : x[i][w];
                y[i][w] = yes ? b[w] : y[i][w];
                accepted += yes;
            }
        }
        return accepted;
    }

    void record(double gravity) const {
        for (int w = 0; w < LANES; w++) {
            double energy = 0, height = 0;
            for (int i = 0; i < N; i++) {
                height += y[i][w];
                for (int j = 0; j < i; j++) energy += pair(x[i][w] - x[j][w], y[i][w] - y[j][w]);
            }
            const double both[2] = {energy + gravity * height, height / N};
            fwrite(both, sizeof both, 1, stdout);
        }
    }
};

template <class Chain> void run(const Protocol &p) {
    Chain chain(p.seed);
    long accepted = 0;
    clock_t cpu = 0;
    for (long done = 0; done < p.sweeps; done += p.every) {
        const clock_t start = clock();
        for (long k = 0; k < p.every; k++) accepted += chain.sweep(p);
        cpu += clock() - start;
        chain.record(p.gravity);
    }
    fprintf(stderr, "%.6f %.6f\n", double(cpu) / CLOCKS_PER_SEC, double(accepted) / (double(p.sweeps) * N * Chain::chains));
}

int main(int count, char **words) {
    if (count != 8) return fprintf(stderr, "plain|lanes GAMMA STEP TELEPORT SWEEPS EVERY SEED\n"), 2;
    const Protocol p{atof(words[2]), atof(words[3]), atof(words[4]), atol(words[5]), atol(words[6]), unsigned(atol(words[7]))};
    std::strcmp(words[1], "lanes") ? run<Plain>(p) : run<Lanes>(p);
}
