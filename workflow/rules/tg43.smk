# The dose a treatment planning system would give: TG-43, averaged over the same voxels.


rule tg43:
    input:
        case="results/{case}/case.h5",
    output:
        "results/{case}/tg43.h5",
    log:
        "results/{case}/logs/tg43.log",
    benchmark:
        "results/{case}/benchmarks/tg43.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubled(2000),
        runtime=20,
    params:
        voxel=config["voxel_mm"],
    shell:
        "seedmc tg43 {input.case:q} --out {output:q} --voxel {params.voxel} > {log:q} 2>&1"
