# Photon transport in chunks of batches, then their sum. A batch gives the same sums in whatever chunk it runs.
# Transport is compiled at its first use and kept in SEEDMC_CACHE_DIR: one small job does so before many start at once.


rule compile_kernels:
    input:
        case=f"results/{config['cases'][0]['name']}/case.h5",
    output:
        "results/kernels/monte_carlo.h5",
    log:
        "results/kernels/compile_kernels.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubled(4000),
        runtime=20,
    params:
        seeds=config["seeds"],
        media=config["media"],
        variance_reduction=config["variance_reduction"],
    shell:
        "seedmc simulate {input.case:q} --out {output:q}"
        " --seeds {params.seeds} --media {params.media} --voxel 5"
        " --variance-reduction {params.variance_reduction} --batches 0:1"
        " --threads {threads} --quiet > {log:q} 2>&1"


rule simulate:
    input:
        case="results/{case}/case.h5",
        kernels=ancient("results/kernels/monte_carlo.h5"),
    output:
        "results/{case}/monte_carlo/batches_{first}_{end}.h5",
    log:
        "results/{case}/logs/simulate_{first}_{end}.log",
    benchmark:
        "results/{case}/benchmarks/simulate_{first}_{end}.tsv"
    conda:
        "../../environment.yml"
    threads: int(config["threads"])
    resources:
        mem_mb=doubled(4000),
        runtime=doubled(config["simulate_minutes"]),
    params:
        seeds=config["seeds"],
        media=config["media"],
        variance_reduction=config["variance_reduction"],
        voxel=config["voxel_mm"],
        random_seed=int(config["random_seed"]),
    shell:
        "seedmc simulate {input.case:q} --out {output:q}"
        " --seeds {params.seeds} --media {params.media} --voxel {params.voxel}"
        " --variance-reduction {params.variance_reduction}"
        " --batches {wildcards.first}:{wildcards.end} --random-seed {params.random_seed}"
        " --threads {threads} --quiet > {log:q} 2>&1"


rule merge:
    input:
        monte_carlo_parts,
    output:
        "results/{case}/monte_carlo.h5",
    log:
        "results/{case}/logs/merge.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubled(4000),
        runtime=10,
    shell:
        "seedmc merge {input:q} --out {output:q} > {log:q} 2>&1"
